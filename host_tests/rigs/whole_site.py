"""What tests of hazards ask of a virtual site, and do to it."""

from kit.standing import stands


def app(site):
    return site.cabinets[0].firmware.app


def until(site, condition, seconds):
    """Seconds until the condition is true after a tick; fails when it never is."""
    for tick in range(round(seconds * 100)):
        site.step()
        if condition():
            return (tick + 1) / 100
    raise AssertionError(f"not within {seconds} s")


def active(site, fault, level=3):
    return stands(app(site).protection, fault, level)


def restart(site, how):
    if how == "nmt":
        site.bus.send(0, 0x000, b"\x81\x02", site.now_ms * 1000)
        site.run_for(0.5)
    else:
        site.power_cycle(0)
