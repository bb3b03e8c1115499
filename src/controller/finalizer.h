// The finalizer of kinds that make something on disk or in a store: a resource that is
// deleted stays, with a deletion time, until its controller has removed all of that.
//
//   created ─▶ finalizer written ─▶ reconciled …            (nothing is made before it is written)
//   deleted ─▶ Finalize, again and again ─▶ "" ─▶ finalizer taken away ─▶ gone
//
// Finalize removes what is there, so a kill in the middle costs nothing: after the next
// start the resource is still there, and Finalize goes on.
#pragma once

#include "base/status.h"
#include "controller/context.h"
#include "resource/resource.h"

namespace millrace::controller {

inline constexpr std::string_view kFinalizer = "millrace.dev/data";

bool HasFinalizer(const resource::Resource& resource);
// The resource with the finalizer, written when it was not there. Conflict when the
// resource was changed since it was read.
Result<resource::Resource> WithFinalizer(Context& context, const resource::Resource& resource);
// The last one lets the resource go.
Status RemoveFinalizer(Context& context, const resource::Resource& resource);

}  // namespace millrace::controller
