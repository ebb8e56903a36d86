"""Routes of the HTTP API: machines in formats of industry. They tell what the machine's page tells."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.errors import NotFoundError, NotInstalledError
from sharing_platform.industry_formats.capability import ManufacturingCapability, manufacturing_capability
from sharing_platform.industry_formats.description import MachineDescription
from sharing_platform.machines.index import Index
from sharing_platform.machines.schemas import MachineOut
from sharing_platform.machines.service import machine_out
from sharing_platform.machines.visibility import visible_machines
from sharing_platform.organisations.dependencies import MaybeActor
from sharing_platform.organisations.permissions import viewer_of
from sharing_platform.parameters import NamePath
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1", tags=["offers"])


@router.get("/factories/{factory}/capability", responses=problems(401, 404), response_model_exclude_none=True)
def get_capabilities(
    factory: NamePath, session: ReadSession, context: Context, index: Index, actor: MaybeActor
) -> list[ManufacturingCapability]:
    """What the machines that a factory shares under its name can do, in the format of Catena-X (CX-0115), as a list with one entry. 404 where the caller may know of none."""
    shown = visible_machines(session, index, context.now(), viewer_of(actor), factory)
    named = [MachineDescription.of_entry(entry) for machine, entry in shown if machine.alias is None]
    machines = [one for one in named if one is not None]
    if not machines:
        raise NotFoundError
    return [manufacturing_capability(machines)]


@router.get("/machines/{factory}/{machine}/capability", responses=problems(401, 404), response_model_exclude_none=True)
def get_capability(
    factory: NamePath, machine: NamePath, session: ReadSession, context: Context, index: Index, actor: MaybeActor
) -> list[ManufacturingCapability]:
    """As `/factories/{factory}/capability`, of one machine."""
    described = _described(machine_out(context, index, session, factory, machine, actor))
    return [manufacturing_capability([described])]


@router.get(
    "/machines/{factory}/{machine}/shell",
    responses={
        200: {"description": "An environment with the shell, its submodels and concepts."},
        **problems(401, 404, 501),
    },
    response_class=JSONResponse,
)
def get_shell(
    factory: NamePath, machine: NamePath, session: ReadSession, context: Context, index: Index, actor: MaybeActor
) -> Response:
    """The Asset Administration Shell of a machine (metamodel 3.1, JSON), with the submodels Technical Data (IDTA 02003) and, where it has a process, Capability Description (IDTA 02020)."""
    described = _described(machine_out(context, index, session, factory, machine, actor))
    try:
        # A heavy library, which this route alone needs.
        from sharing_platform.industry_formats.shell import as_json, shell_of
    except ImportError as error:
        raise NotInstalledError("no_shells") from error
    today = context.now().astimezone(ZoneInfo(context.zone)).date()
    return Response(as_json(shell_of(described, context.url, today)), media_type="application/json")


def _described(shown: MachineOut) -> MachineDescription:
    """Raises NotFoundError for an anonymous machine."""
    described = MachineDescription.of(shown)
    if described is None:
        raise NotFoundError
    return described
