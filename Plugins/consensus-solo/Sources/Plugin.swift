// consensus-solo
