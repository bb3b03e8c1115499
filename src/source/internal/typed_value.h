// Text, JSON and values of one type into exactly a value of another, or a
// sentence why not. Nothing is rounded, cut or guessed: 1.5 is no int64, "yes"
// is no bool. Private to src/source. Pure functions.
#pragma once

#include <string_view>

#include "base/json_fwd.h"
#include "base/status.h"
#include "base/time_zone.h"
#include "base/value.h"

namespace millrace::source::internal {

// RFC 3339, a bare date, or a space in place of the T; one without an offset is in `zone`.
Result<EventTime> ParseTimestamp(std::string_view text, const TimeZone& zone);

// A whole text, without blanks around a number. A double is the nearest one to
// the decimal number; "nan" and "inf" are doubles.
Result<Value> ParseText(std::string_view text, DataType type, const TimeZone& zone);

// A JSON scalar: numbers as they are written, text for strings and timestamps;
// null is null. An int64 column takes no 1.0; a double column takes any number.
Result<Value> FromJson(const Json& json, DataType type, const TimeZone& zone);

// True when values of `from` can be values of `to` at all.
bool IsCastable(DataType from, DataType to);
// Precondition: castable. E.g. the double 3.0 is the int64 3, but 3.5 is none.
Result<Value> CastExactly(const Value& value, DataType to, const TimeZone& zone);

}  // namespace millrace::source::internal
