"""Schemas of requests and answers, for the parser and for the OpenAPI document. They check form, not rules."""

from __future__ import annotations

from app.schemas.answers import (
    ConfigsSchema,
    LastRunSchema,
    PingSchema,
    ServiceStatusSchema,
    StartedSchema,
    StoppedSchema,
    UsageSchema,
)
from app.schemas.choices import CheckedSchema, ParameterListSchema, PreviewSchema
from app.schemas.datasets import (
    DatasetListSchema,
    DatasetReportSchema,
    DatasetSchema,
    FindingSchema,
    ImageSizeSchema,
    NumImagesSchema,
    SplitReportSchema,
)
from app.schemas.errors import (
    DeletionErrorSchema,
    DeletionForbiddenSchema,
    ErrorSchema,
    LaunchErrorSchema,
    MetricsErrorSchema,
    RunActiveErrorSchema,
)
from app.schemas.metrics import MetricsSchema, RunListItemSchema, SummarySchema
from app.schemas.models import DeletedSchema, ModelCardSchema, ModelPathListSchema, ModelsSchema
from app.schemas.report import ReportSchema
from app.schemas.requests import (
    DatasetQuerySchema,
    LogQuerySchema,
    LogSearchQuerySchema,
    MetricsQuerySchema,
    ModelQuerySchema,
    ModelsQuerySchema,
    PreviewQuerySchema,
    RunsQuerySchema,
    StartRequestSchema,
    StopQuerySchema,
    StopRequestSchema,
    SubscribeSchema,
)
from app.schemas.runs import ArtifactListSchema, ArtifactSchema, LogMatchesSchema, LogSchema, RunSchema

__all__ = [
    "ArtifactListSchema",
    "ArtifactSchema",
    "CheckedSchema",
    "ConfigsSchema",
    "DatasetListSchema",
    "DatasetQuerySchema",
    "DatasetReportSchema",
    "DatasetSchema",
    "DeletedSchema",
    "DeletionErrorSchema",
    "DeletionForbiddenSchema",
    "ErrorSchema",
    "FindingSchema",
    "ImageSizeSchema",
    "LastRunSchema",
    "LaunchErrorSchema",
    "LogMatchesSchema",
    "LogQuerySchema",
    "LogSchema",
    "LogSearchQuerySchema",
    "MetricsErrorSchema",
    "MetricsQuerySchema",
    "MetricsSchema",
    "ModelCardSchema",
    "ModelPathListSchema",
    "ModelQuerySchema",
    "ModelsQuerySchema",
    "ModelsSchema",
    "NumImagesSchema",
    "ParameterListSchema",
    "PingSchema",
    "PreviewQuerySchema",
    "PreviewSchema",
    "ReportSchema",
    "RunActiveErrorSchema",
    "RunListItemSchema",
    "RunSchema",
    "RunsQuerySchema",
    "ServiceStatusSchema",
    "SplitReportSchema",
    "StartRequestSchema",
    "StartedSchema",
    "StopQuerySchema",
    "StopRequestSchema",
    "StoppedSchema",
    "SubscribeSchema",
    "SummarySchema",
    "UsageSchema",
]
