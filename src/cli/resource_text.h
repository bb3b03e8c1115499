// Resources as text for people: the columns of `get`, the page of `describe`.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "resource/kind.h"

namespace millrace::cli {

// The kind's columns; with `wide` also those that are only shown then.
std::vector<std::string> HeaderOf(const resource::Kind& kind, bool wide);
std::vector<std::string> RowOf(const resource::Kind& kind, const Json& resource, bool wide, EventTime now);

// Everything about one resource, a field a line.
std::string Describe(const Json& resource, EventTime now);

// "14s", "3m", "5h", "12d".
std::string AgeText(Micros age);
// A JSON value in a cell: text without quotes, numbers short, lists joined; "-" for null.
std::string CellText(const Json& value);

}  // namespace millrace::cli
