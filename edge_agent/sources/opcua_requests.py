"""Requests for many nodes at once, in batches that the server accepts (OPC 10000-5, OperationLimits)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import TypeVar

from asyncua import Client, ua

CURRENT_TIME = ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime)

BATCH = 100
"""Operations per request where the server names no limit: an S7-1200 accepts no more."""

LARGEST_BATCH = 1_000
"""Larger requests are not faster, and their answers exceed what some servers send in one message."""

TOO_MANY = frozenset(
    (
        ua.StatusCodes.BadTooManyOperations,
        ua.StatusCodes.BadEncodingLimitsExceeded,
        ua.StatusCodes.BadRequestTooLarge,
        ua.StatusCodes.BadResponseTooLarge,
    )
)
"""Refusals after which a smaller request is tried."""

NO_SUCH_SERVICE = (
    ua.StatusCodes.BadServiceUnsupported,
    ua.StatusCodes.BadNotImplemented,
    ua.StatusCodes.BadNotSupported,
)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Operation(Enum):
    """A service with a limit of its own; the value is the node with the limit."""

    READ = ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead
    BROWSE = ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse
    TRANSLATE = ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds
    MONITOR = ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall


class Requests:
    """The requests of one connection. A batch that the server refuses as too large is halved, and so are all later ones of its kind."""

    def __init__(self, client: Client) -> None:
        self._session = client.uaclient
        self._sizes = dict.fromkeys(Operation, BATCH)

    async def learn(self) -> tuple[list[str], ua.DataValue]:
        """Read the server's limits (0, or none at all, says nothing), and return its namespaces and its CurrentTime."""
        nodes = [ua.ObjectIds.Server_NamespaceArray, *(operation.value for operation in Operation)]
        time, *learnt = await self.read([CURRENT_TIME, *(ua.NodeId(node) for node in nodes)])
        namespaces, *limits = [value.Value.Value if value.Value is not None else None for value in learnt]
        for operation, limit in zip(Operation, limits, strict=True):
            if isinstance(limit, int) and limit > 0:
                self._sizes[operation] = min(limit, LARGEST_BATCH)
        return [str(uri) for uri in namespaces or ()], time

    def size(self, operation: Operation) -> int:
        """Operations per request."""
        return self._sizes[operation]

    def limit(self, operation: Operation, size: int) -> None:
        """Send no larger requests of this kind."""
        self._sizes[operation] = size

    async def read(self, nodes: Sequence[ua.NodeId]) -> list[ua.DataValue]:
        """The values of the nodes."""

        async def send(part: Sequence[ua.NodeId]) -> list[ua.DataValue]:
            return list(await self._session.read_attributes(list(part), ua.AttributeIds.Value))

        return await self._in_batches(Operation.READ, nodes, send)

    async def browse(
        self, nodes: Sequence[ua.NodeId], classes: ua.NodeClass
    ) -> list[list[ua.ReferenceDescription] | None]:
        """The hierarchical children of each node, of these classes, with their type definitions; None for a node that does not exist."""

        async def send(part: Sequence[ua.NodeId]) -> list[list[ua.ReferenceDescription] | None]:
            request = ua.BrowseParameters()
            request.View = ua.ViewDescription()
            request.NodesToBrowse = [_children_of(node, classes) for node in part]
            results = await self._session.browse(request)
            found: list[list[ua.ReferenceDescription] | None] = [*await self._whole(results)]
            for place, result in enumerate(results):
                # More nodes at once have more children than the server keeps places in lists for.
                if len(part) > 1 and result.StatusCode.value == ua.StatusCodes.BadNoContinuationPoints:
                    found[place] = (await send(part[place : place + 1]))[0]
                elif result.StatusCode.value == ua.StatusCodes.BadNodeIdUnknown:
                    found[place] = None
            return found

        return await self._in_batches(Operation.BROWSE, nodes, send)

    async def translate(self, starts: Sequence[ua.NodeId], path: Sequence[str]) -> list[ua.NodeId | None]:
        """The node at the end of a path of BrowseNames of OPC UA's own namespace, from each start; None where there is no such node."""

        async def send(part: Sequence[ua.NodeId]) -> list[ua.NodeId | None]:
            results = await self._session.translate_browsepaths_to_nodeids([_path_from(start, path) for start in part])
            return [
                result.Targets[0].TargetId if result.StatusCode.is_good() and result.Targets else None
                for result in results
            ]

        try:
            return await self._in_batches(Operation.TRANSLATE, starts, send)
        except ua.UaStatusCodeError as error:
            if error.code not in NO_SUCH_SERVICE:
                raise
            return await self._walk(starts, path)

    async def _walk(self, starts: Sequence[ua.NodeId], path: Sequence[str]) -> list[ua.NodeId | None]:
        """`translate` for servers that do not have it: by browsing."""
        nodes: list[ua.NodeId | None] = list(starts)
        for name in path:
            present = list(dict.fromkeys(node for node in nodes if node is not None))
            wanted = ua.QualifiedName(name, 0)
            ends = {
                node: next((child.NodeId for child in children or () if child.BrowseName == wanted), None)
                for node, children in zip(present, await self.browse(present, ua.NodeClass.Variable), strict=True)
            }
            nodes = [ends[node] if node is not None else None for node in nodes]
        return nodes

    async def _in_batches(
        self, operation: Operation, items: Sequence[Item], send: Callable[[Sequence[Item]], Awaitable[list[Result]]]
    ) -> list[Result]:
        results: list[Result] = []
        while len(results) < len(items):
            part = items[len(results) : len(results) + self._sizes[operation]]
            try:
                answers = await send(part)
            except ua.UaStatusCodeError as error:
                if error.code not in TOO_MANY or len(part) == 1:
                    raise
                self.limit(operation, (len(part) + 1) // 2)
                continue
            if len(answers) != len(part):
                raise ua.UaError(f"the server answered {len(answers)} of {len(part)} operations of a request")
            results += answers
        return results

    async def _whole(self, results: Sequence[ua.BrowseResult]) -> list[list[ua.ReferenceDescription]]:
        """Fetch what the server left out of its answers (BrowseNext)."""
        found = [list(result.References or []) for result in results]
        left = {place: result.ContinuationPoint for place, result in enumerate(results) if result.ContinuationPoint}
        while left:
            request = ua.BrowseNextParameters()
            places = list(left)[: self._sizes[Operation.BROWSE]]
            request.ContinuationPoints = [left.pop(place) for place in places]
            for place, result in zip(places, await self._session.browse_next(request), strict=True):
                found[place] += result.References or []
                if result.ContinuationPoint:
                    left[place] = result.ContinuationPoint
        return found


def _children_of(node: ua.NodeId, classes: ua.NodeClass) -> ua.BrowseDescription:
    description = ua.BrowseDescription()
    description.NodeId = node
    description.BrowseDirection = ua.BrowseDirection.Forward
    description.ReferenceTypeId = ua.NodeId(ua.ObjectIds.HierarchicalReferences)
    description.IncludeSubtypes = True
    description.NodeClassMask = classes
    mask = ua.BrowseResultMask
    description.ResultMask = mask.NodeClass | mask.BrowseName | mask.TypeDefinition
    return description


def _path_from(start: ua.NodeId, names: Sequence[str]) -> ua.BrowsePath:
    path = ua.BrowsePath()
    path.StartingNode = start
    path.RelativePath.Elements = [_element(name) for name in names]
    return path


def _element(name: str) -> ua.RelativePathElement:
    element = ua.RelativePathElement()
    element.ReferenceTypeId = ua.NodeId(ua.ObjectIds.HierarchicalReferences)
    element.IncludeSubtypes = True
    element.IsInverse = False
    element.TargetName = ua.QualifiedName(name, 0)
    return element
