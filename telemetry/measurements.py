"""What the store's measurements are called: those that ingest writes, and those that analytics writes back for dashboards.

Every one that is written back holds few points a machine and day, so that a panel costs about the same for a day as for a year.
All carry the tag `factory`; those of machines `machine` and, but for `HOUR`, `group`, too. Times are UTC; a local day's point stands at its midnight.
"""

from __future__ import annotations

STATE = "machine_state"
"""Reports as ingest stored them: may overlap, and says nothing of silence."""

TIMELINE = "machine_timeline"
"""At each change: fields `state`, `mode`. Silence is Unknown, of overlapping reports the later one counts."""

NOW = "machine_now"
"""One point a day, written over: `state` (Unknown where nobody hears it), `since_ms`, `heard_ms`, `silent` (0 or 1)."""

HOUR = "machine_hour"
"""At each UTC hour, in hours: `used`, `free`, `known` of what came, the first two left out where nothing is known; `forecast`, `offered`, `booked`, `held` of what was planned
before it began; `promised`, the probability of the slot it lies in; `power_w`, the mean of what was reported; `offered_eur`, `booked_eur` at the policy's price."""

SHIFT = "machine_shift"
"""At the beginning of each shift (tag `shift`, `outside` for what is in none): the hours of ISO 22400-2, as `/api/v1/kpis` has them."""

DAY = "machine_day"
"""At each local midnight: the hours of ISO 22400-2."""

CLOCK = "machine_clock"
"""At each local midnight (tag `weekday`, 1 is Monday): `free_00` … `free_23`, free hours by the clock on the wall. Apart from `DAY`, as each
tag's value makes a series, and a query pays for every series it touches."""

WEEK = "machine_week"
"""At each local Monday's midnight: the hours of ISO 22400-2 of the days so far."""

CAPACITY = "capacity_day"
"""At each local midnight: the sums of `HOUR`'s plans: `forecast_h`, `offered_h`, `booked_h`, `held_h`, `offered_eur`, `booked_eur`."""

PROMISES = "promise_day"
"""At the local midnight of the slot's day: how many slots were `kept`, `broken`, `booked`, `withdrawn`, `unknown`; of the first two
`promised`, the sum of their probabilities; `broken_h`, the hours of those that were broken."""

RELIABILITY = "promise_reliability"
"""At the local midnight of the slot's day, by what was promised (tag `promised`, such as `0.85`): `checked`, `kept`, `promised_sum`."""

APPROVAL = "approval"
"""At the beginning of the slot: `end_ms`, `probability`, `status`, `answer_by_ms`."""

GATEWAY = "gateway_health"
"""Tag `gateway`; every five minutes, written over each minute: `online` (0 or 1), `outbox` (reports that wait there), `stored`, `missing`."""

INGEST = "ingest_health"
"""Tag `worker`; every five minutes, written over each minute: `connected`, `failing` (0 or 1), `waiting`, `lag_s`, `reports`, `latency_s` (mean since the last
point), `quarantine`."""

PUBLISHER = "publisher_health"
"""Every five minutes, written over each minute: `round_age_s`, `pending`, `kill_switch`, `stopped` (0 or 1), `slots`, `alerts`, `approvals`, `checked`, `broken`, and
`broken_bound`, the share that the policy allows."""

COMPUTED = (TIMELINE, NOW, SHIFT, DAY, CLOCK, WEEK, PROMISES, RELIABILITY, APPROVAL)
"""What can be written anew from the store and the publisher's memory; what was planned, in `HOUR` and `CAPACITY`, cannot."""

HOURS_FIELDS = (
    "calendar_h", "known_h", "apt_h", "aust_h", "adot_h", "adet_h", "aubt_h", "maintenance_h", "idle_h", "off_h", "unknown_h",
)  # fmt: skip
"""Of `SHIFT`, `DAY` and `WEEK`."""
