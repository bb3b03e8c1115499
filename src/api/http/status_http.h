// The one place where Millrace's codes become HTTP's, and back.
#pragma once

#include <string_view>

#include "base/status.h"

namespace millrace::http {

// InvalidArgument 400, Unauthenticated 401, PermissionDenied 403, NotFound 404,
// Conflict and AlreadyExists 409, FailedPrecondition 422, ResourceExhausted 429,
// Cancelled 499, Internal and DataLoss 500, Unimplemented 501, Unavailable 503,
// DeadlineExceeded 504.
int HttpStatusOf(Code code);

// The nearest code, for clients.
Code CodeOfHttpStatus(int status);

// "Not Found" for 404; "" for a status that nobody defined.
std::string_view ReasonPhrase(int status);

}  // namespace millrace::http
