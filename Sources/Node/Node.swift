// The composition root: kernel loop, wiring, services.
