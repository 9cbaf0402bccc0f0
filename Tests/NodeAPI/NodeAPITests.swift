// Tests of NodeAPI.
