// runtime-process
