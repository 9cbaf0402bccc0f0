// Tests of Modules.
