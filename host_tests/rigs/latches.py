"""A latch noted or dropped, and written at once."""


def latch(latches, fault):
    latches.note(fault)
    latches.keep()


def unlatch(latches, fault):
    latches.drop(fault)
    latches.keep()
