// Tests of Acceptance.
