"""Route that exports weekly capacity to a customer in the format of Catena-X."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException

from analytics.api.context import Context, OwnFactory
from analytics.capacity.groups import CapacityExport, export_capacity
from analytics.history.newest_states import machine_names
from telemetry import Name

router = APIRouter(prefix="/api/v1", tags=["publishing"])


@router.get("/capacity/{customer}", response_model_exclude_none=True)
def get_capacity(customer: Name, context: Context, factory: OwnFactory) -> CapacityExport:
    """Weekly capacity of the coming 52 weeks for a customer that `[catena_x]` in the server's configuration names: `groups` as Catena-X defines them (CX-0128), and beside them how sure the
    figures are. 404 without such a customer, 503 before the first round. While the kill switch is on, all groups are inactive."""
    table = context.catena_x
    known = table.find(customer) if table is not None else None
    if table is None or known is None:
        raise HTTPException(404, "The server's configuration names no such customer in [[catena_x.customer]].")
    capacity = context.service.capacity()
    if capacity is None:
        raise HTTPException(503, "Nothing is forecast yet: the first round is under way.")
    machines = machine_names(context.store, factory)
    return export_capacity(capacity, context.policy, table, known, machines, context.publishing.kill_switch)
