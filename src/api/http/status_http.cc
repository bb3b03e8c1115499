#include "api/http/status_http.h"

#include <array>

namespace millrace::http {
namespace {

struct Row {
  Code code;
  int status;
};

// The first row of a status is the code that a client reads from it.
constexpr std::array<Row, 15> kRows = {{
    {Code::kOk, 200},
    {Code::kInvalidArgument, 400},
    {Code::kUnauthenticated, 401},
    {Code::kPermissionDenied, 403},
    {Code::kNotFound, 404},
    {Code::kConflict, 409},
    {Code::kAlreadyExists, 409},
    {Code::kFailedPrecondition, 422},
    {Code::kResourceExhausted, 429},
    {Code::kCancelled, 499},
    {Code::kInternal, 500},
    {Code::kDataLoss, 500},
    {Code::kUnimplemented, 501},
    {Code::kUnavailable, 503},
    {Code::kDeadlineExceeded, 504},
}};

}  // namespace

int HttpStatusOf(Code code) {
  for (const Row& row : kRows) {
    if (row.code == code) return row.status;
  }
  return 500;
}

Code CodeOfHttpStatus(int status) {
  if (status < 300) return Code::kOk;
  for (const Row& row : kRows) {
    if (row.status == status) return row.code;
  }
  if (status == 408) return Code::kDeadlineExceeded;
  if (status == 410) return Code::kFailedPrecondition;
  if (status == 412) return Code::kConflict;
  return status >= 500 ? Code::kInternal : Code::kInvalidArgument;
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace millrace::http
