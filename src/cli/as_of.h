// The time that `up --as-of MODEL@ALIAS` means: where the test range of that version began.
//
//   MR_ASSIGN_OR_RETURN(EventTime time, TestStart("default", "fraud@champion", data_dir));
//
// Reads the registry and the version's package before anything is started, and
// believes the package only if the data directory's key has signed it.
#pragma once

#include <string>

#include "base/status.h"
#include "base/time.h"

namespace millrace::cli {

// NotFound when there is no such version, or it does not say; PermissionDenied when its package is another's.
Result<EventTime> TestStart(const std::string& project, const std::string& version,
                            const std::string& data_dir);

}  // namespace millrace::cli
