#include "cli/exit_code.h"

namespace millrace::cli {

ExitCode ExitCodeOf(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return kExitOk;
    case Code::kInvalidArgument:
      return kExitUsage;
    case Code::kNotFound:
      return kExitNotFound;
    case Code::kUnauthenticated:
    case Code::kPermissionDenied:
      return kExitDenied;
    case Code::kUnavailable:
      return kExitUnavailable;
    case Code::kDeadlineExceeded:
      return kExitTimeout;
    case Code::kAlreadyExists:
    case Code::kConflict:
    case Code::kFailedPrecondition:
      return kExitConflict;
    case Code::kDataLoss:
      return kExitDamaged;
    case Code::kCancelled:
      return kExitStopped;
    case Code::kResourceExhausted:
    case Code::kUnimplemented:
    case Code::kInternal:
      return kExitFailure;
  }
  return kExitFailure;
}

}  // namespace millrace::cli
