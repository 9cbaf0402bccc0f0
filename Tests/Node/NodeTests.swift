// Tests of Node.
