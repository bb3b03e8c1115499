// The structural schemas of CustomResourceDefinitions. Internal to crd.h.
#pragma once

#include "base/json_fwd.h"
#include "resource/kind.h"

namespace millrace::resource {

// Of a kind's whole document: `openAPIV3Schema`.
Json StructuralSchema(const Kind& kind);

}  // namespace millrace::resource
