// The descriptions, one function a kind, one file a function. kind.h's Kinds()
// gathers them; nothing else calls these.
#pragma once

#include <vector>

#include "resource/kind.h"

namespace millrace::resource {

Kind ProjectKind();
Kind DataSourceKind();
Kind FeatureViewKind();
Kind FeatureServiceKind();
Kind ModelKind();
Kind TrainingJobKind();
Kind ModelEndpointKind();
Kind ComputePoolKind();

// ---- Parts that several kinds share.

Field MetadataField(bool namespaced);
// The kind's own fields after observedGeneration and conditions.
Field StatusField(std::vector<Field> own);
// {name, type} of a column or an input.
Field TypedName(std::string meaning);
// bool, int64, double, string, timestamp.
std::vector<std::string> DataTypeNames();
// The columns NAME, READY and REASON that every kind's table has, around its own.
std::vector<PrinterColumn> WithReady(std::vector<PrinterColumn> own);

}  // namespace millrace::resource
