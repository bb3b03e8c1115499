// Writes a resource's status: the condition Ready, the generation that was
// looked at, and the kind's own fields; only when something has changed, so that
// a reconcile that finds all well writes nothing and wakes nobody.
#pragma once

#include "base/json.h"
#include "base/status.h"
#include "controller/context.h"
#include "controller/ready.h"
#include "resource/resource.h"

namespace millrace::controller {

// `fields` is merged over the status (RFC 7386: null removes). Conflict when the
// resource was changed since it was read: reconcile again.
Status WriteStatus(Context& context, const resource::Resource& resource, const Json& fields,
                   const Ready& ready);

}  // namespace millrace::controller
