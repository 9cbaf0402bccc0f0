// Finds, verifies, loads, isolates and checks plugins; the only room that touches dlopen.
