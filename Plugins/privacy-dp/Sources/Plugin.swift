// privacy-dp
