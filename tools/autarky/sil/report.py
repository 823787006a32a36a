"""report.html: one page with the plots of a run on one time axis, its checks and faults."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path

import jinja2
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from autarky.sil.recorder import Recorder, Summary
from bess import modes

_TEMPLATE = jinja2.Environment(autoescape=True).from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ s.scenario }} - Autarky</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.pass { color: #1a7f37; font-weight: 600; } .fail { color: #cf222e; font-weight: 600; }
img { width: 100%; } code { font-size: 90%; }
</style></head><body>
<h1>{{ s.scenario }}: <span class="{{ 'pass' if s.passed else 'fail' }}">
{{ 'passed' if s.passed else 'failed' }}</span></h1>
<p>{{ s.cabinets }} virtual cabinets on {{ s.interpreter }},
{{ '%.0f'|format(s.virtual_s) }} s in {{ '%.1f'|format(s.wall_s) }} s
({{ '%.1f'|format(s.virtual_s / s.wall_s) }} times real time), seed {{ s.seed }}.
Site bus: {{ s.log_frames }} frames, load {{ '%.1f'|format(100 * s.bus_load) }} %,
worst latency {{ '%.1f'|format(s.worst_latency_us / 1000) }} ms.
Discharged {{ '%.2f'|format(s.energy_kwh.discharged) }} kWh, charged
{{ '%.2f'|format(s.energy_kwh.charged) }} kWh.</p>
<p>CAN log <code>can.log</code> (candump; decode with <code>site.dbc</code>), SHA-256
<code>{{ s.log_sha256 }}</code></p>
<img alt="power, voltages, temperatures, states and faults over time"
 src="data:image/png;base64,{{ plot }}">
{% if s.checks %}<h2>Checks</h2><table>
{% for c in s.checks %}<tr><td class="{{ 'pass' if c.passed else 'fail' }}">
{{ 'pass' if c.passed else 'FAIL' }}</td><td>{{ c.name }}</td><td>{{ c.detail }}</td></tr>
{% endfor %}</table>{% endif %}
{% if s.faults %}<h2>Faults</h2><table><tr><th>fault</th><th>injected ms</th><th>seen as</th>
<th>seen ms</th><th>open command ms</th><th>latency ms</th><th>deadline ms</th><th></th></tr>
{% for f in s.faults %}<tr><td>{{ f.id }}</td><td class="n">{{ f.injected_ms }}</td>
<td>{{ f.seen_as }}</td><td class="n">{{ f.seen_ms }}</td><td class="n">{{ f.command_ms }}</td>
<td class="n">{{ f.latency_ms }}</td><td class="n">{{ f.deadline_ms - f.injected_ms }}</td>
<td class="{{ 'pass' if f.passed else 'fail' }}">{{ 'pass' if f.passed else 'FAIL' }}</td></tr>
{% endfor %}</table>{% endif %}
{% if events %}<h2>Events</h2><table>
{% for t, text in events %}<tr><td class="n">{{ loop.index }}</td>
<td class="n">{{ '%.2f'|format(t) }} s</td><td>{{ text }}</td></tr>
{% endfor %}</table>{% endif %}
</body></html>
""")
_MOST_CABINETS = 8  # more lines than this say nothing
_MOST_NUMBERS = 20  # more marks than this cover each other


def write_report(folder: Path, summary: Summary, recorder: Recorder) -> None:
    """Write report.html and plot.png into the folder."""
    image = _plot(summary, recorder)
    (folder / "plot.png").write_bytes(image)
    events = [(t, text) for t, text in recorder.events if text]
    page = _TEMPLATE.render(s=summary, plot=base64.b64encode(image).decode(), events=events)
    (folder / "report.html").write_text(page, encoding="utf-8")


def _plot(summary: Summary, recorder: Recorder) -> bytes:
    figure, axes = plt.subplots(
        6, 1, figsize=(13, 15), sharex=True, layout="constrained",
        gridspec_kw={"height_ratios": [2.2, 1.3, 1.3, 1.2, 1.3, 1]},
    )  # fmt: skip
    site = recorder.site_rows
    t = [row["time_s"] for row in site]
    for key, label in (("load_w", "load"), ("grid_w", "grid"), ("battery_w", "batteries")):
        axes[0].plot(t, [row[key] / 1000 for row in site], label=label, lw=1.1)
    axes[0].set_ylabel("power kW")
    nodes = sorted({row["node_id"] for row in recorder.rows})
    for index, node_id in enumerate(nodes[:_MOST_CABINETS]):
        rows = [row for row in recorder.rows if row["node_id"] == node_id]
        color = f"C{index}"
        name = f"cabinet {node_id}"
        axes[1].plot(
            t, [r["cell_min_v"] for r in rows], color=color, lw=0.9, label=f"{name} min, max"
        )
        axes[1].plot(t, [r["cell_max_v"] for r in rows], color=color, lw=0.9, ls="--")
        axes[2].plot(
            t, [r["temp_min_c"] for r in rows], color=color, lw=0.9, label=f"{name} min, max"
        )
        axes[2].plot(t, [r["temp_max_c"] for r in rows], color=color, lw=0.9, ls="--")
        axes[3].plot(
            t, [100 * r["soc_true"] for r in rows], color=color, lw=0.9, label=f"{name} true"
        )
        reported = [math.nan if r["soc_reported"] is None else r["soc_reported"] for r in rows]
        axes[3].plot(t, [100 * soc for soc in reported], color=color, lw=0.9, ls=":")
        axes[4].step(
            t, [r["state_number"] for r in rows], color=color, lw=1.1, where="post", label=name
        )
        axes[5].step(t, [r["level"] for r in rows], color=color, lw=1.1, where="post", label=name)
    axes[1].set_ylabel("cell voltage V")
    axes[2].set_ylabel("module temperature degC")
    axes[3].set_ylabel("SOC % (dots: reported)")
    axes[4].set_ylabel("state")
    states = modes.NAMES.decode().split()
    axes[4].set_yticks(range(len(states)), states, fontsize=8)
    axes[5].set_ylabel("fault level")
    axes[5].set_yticks([0, 1, 2, 3, 4], ["none", "warn", "limit", "trip", "lockout"], fontsize=8)
    axes[5].set_xlabel("time s")
    marked = [event for event in recorder.events if event[1]]
    for axis in axes:
        axis.ticklabel_format(axis="y", useOffset=False) if axis not in axes[4:] else None
        axis.grid(alpha=0.25)
        for time_s, _ in marked[:60]:
            axis.axvline(time_s, color="0.6", lw=0.6, ls=":")
        if axis.get_legend_handles_labels()[0]:
            axis.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), fontsize=7)
    numbered = marked if len(marked) <= _MOST_NUMBERS else []
    for number, (time_s, _) in enumerate(numbered, start=1):
        top = axes[0].get_ylim()[1]
        height = top + (number % 3) * 0.05 * top  # neighbours in steps, so that none covers another
        axes[0].annotate(str(number), (time_s, height), fontsize=7, ha="center",
                         annotation_clip=False)  # fmt: skip
    shown = f", the first {_MOST_CABINETS} shown" if len(nodes) > _MOST_CABINETS else ""
    figure.suptitle(f"{summary.scenario}, {len(nodes)} cabinets{shown}, seed {summary.seed}\n")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    plt.close(figure)
    return buffer.getvalue()
