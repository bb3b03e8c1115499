// What the API server's refusals mean: its `Status` objects as our Status.
//
// | HTTP, reason                | code                | sentence                                     |
// |-----------------------------|---------------------|----------------------------------------------|
// | 400                         | InvalidArgument     | the server's                                 |
// | 401                         | Unauthenticated     |                                              |
// | 403                         | PermissionDenied    | verb and resource; a quota: ResourceExhausted|
// | 404                         | NotFound            |                                              |
// | 405, 406                    | Unimplemented       |                                              |
// | 409 AlreadyExists           | AlreadyExists       |                                              |
// | 409 Conflict                | Conflict            | an apply's names each owner and its fields   |
// | 410                         | FailedPrecondition  | begins with "expired: "; see IsExpired       |
// | 413                         | ResourceExhausted   |                                              |
// | 422                         | InvalidArgument     | every cause, with its field                  |
// | 429, 500, 502, 503          | Unavailable         | 500 without a cause that helps: the server's |
// | 504, reason Timeout         | DeadlineExceeded    |                                              |
//
// Pure and bounded: the text comes from outside and may be anything.
#pragma once

#include <string_view>

#include "base/json_fwd.h"
#include "base/status.h"

namespace millrace::kube {

// `verb` and `what` open the sentence: `create jobs.batch in namespace "a": …`.
Status ErrorFromResponse(int http_status, std::string_view body, std::string_view verb,
                         std::string_view what);
// The same of a Status object, as a watch has it inside its stream.
Status ErrorFromStatus(const Json& status, std::string_view verb, std::string_view what);

// A version or a continue token is no longer kept (410 Gone): list again.
Status Expired(std::string_view what);
bool IsExpired(const Status& status);

}  // namespace millrace::kube
