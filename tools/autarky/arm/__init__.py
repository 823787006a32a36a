"""Records of a cabinet's TICKs, replayed on interpreters of 32 and of 64 bits."""
