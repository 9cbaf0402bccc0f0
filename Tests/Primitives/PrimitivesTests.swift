// Tests of Primitives.
