// Tests of Plugins.
