"""The tests that come along: every fault case and every scenario, the same at each depth."""
