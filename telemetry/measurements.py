"""Names of the measurements in the store: those written by ingest, and those that analytics computes for dashboards.

The computed ones have few points per machine and day, so that a panel costs about the same for a day as for a year. All have the tag `factory`;
those of machines also have `machine` and, except for `HOUR`, `group`. Times are UTC; the point of a local day is at its midnight.
"""

from __future__ import annotations

STATE = "machine_state"
"""Reports as stored by ingest. They may overlap, and time without reports has no points."""

TIMELINE = "machine_timeline"
"""A point at each change: fields `state`, `mode`. Time without reports is Unknown; of overlapping reports the later one counts."""

NOW = "machine_now"
"""One point per day, overwritten: `state` (Unknown for a silent machine), `since_ms`, `heard_ms`, `silent` (0 or 1)."""

HOUR = "machine_hour"
"""A point per UTC hour, in hours: the actual `used`, `free` and `known`, the first two omitted if nothing is known; `forecast`, `offered`, `booked`, `held` as planned
before the hour began; `promised`, the probability of the slot that contains it; `power_w`, the mean reported power; `offered_eur`, `booked_eur` at the policy's price."""

SHIFT = "machine_shift"
"""A point at the start of each shift (tag `shift`; `outside` for time in no shift): the hours of ISO 22400-2, as in `/api/v1/kpis`."""

DAY = "machine_day"
"""A point at each local midnight: the hours of ISO 22400-2."""

CLOCK = "machine_clock"
"""A point at each local midnight (tag `weekday`, 1 is Monday): `free_00` … `free_23`, free hours by local hour. Separate from `DAY`, because each
tag value makes a series, and the cost of a query grows with the series it reads."""

WEEK = "machine_week"
"""A point at local midnight of each Monday: the hours of ISO 22400-2 of the week's days so far."""

CAPACITY = "capacity_day"
"""A point at each local midnight: the sums of the planned fields of `HOUR`: `forecast_h`, `offered_h`, `booked_h`, `held_h`, `offered_eur`, `booked_eur`."""

PROMISES = "promise_day"
"""A point at local midnight of the slot's day: the numbers of slots `kept`, `broken`, `booked`, `withdrawn`, `unknown`; `promised`, the sum of the
probabilities of the first two; `broken_h`, the hours of the broken ones."""

RELIABILITY = "promise_reliability"
"""A point at local midnight of the slot's day, by promised probability (tag `promised`, such as `0.85`): `checked`, `kept`, `promised_sum`."""

APPROVAL = "approval"
"""A point at the start of the slot: `end_ms`, `probability`, `status`, `answer_by_ms`."""

GATEWAY = "gateway_health"
"""Tag `gateway`; one point per five minutes, overwritten every minute: `online` (0 or 1), `outbox` (waiting reports), `stored`, `missing`, and
`certificate_days`, until the first of the certificates expires that it depends on."""

CERTIFICATE = "certificate_health"
"""Tag `certificate`, those that the factory's server depends on; one point per five minutes, overwritten every minute: `days_left`."""

INGEST = "ingest_health"
"""Tag `worker`; one point per five minutes, overwritten every minute: `connected`, `failing` (0 or 1), `waiting`, `lag_s`, `reports`, `latency_s` (mean since the last
point), `quarantine`."""

PUBLISHER = "publisher_health"
"""One point per five minutes, overwritten every minute: `round_age_s`, `pending`, `kill_switch`, `stopped` (0 or 1), `slots`, `alerts`, `approvals`, `checked`, `broken`, and
`broken_bound`, the share of broken promises that the policy allows."""

COMPUTED = (TIMELINE, NOW, SHIFT, DAY, CLOCK, WEEK, PROMISES, RELIABILITY, APPROVAL)
"""Measurements that can be recomputed from the store and the publisher's file. The plans in `HOUR` and `CAPACITY` cannot."""

OF_MACHINES = (STATE, TIMELINE, NOW, HOUR, SHIFT, DAY, CLOCK, WEEK, CAPACITY, PROMISES, APPROVAL)
"""Measurements with the tag `machine`: what there is of a machine."""

HOURS_FIELDS = (
    "calendar_h", "known_h", "apt_h", "aust_h", "adot_h", "adet_h", "aubt_h", "maintenance_h", "idle_h", "off_h", "unknown_h",
)  # fmt: skip
"""Fields of `SHIFT`, `DAY` and `WEEK`."""
