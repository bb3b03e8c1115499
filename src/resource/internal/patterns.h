// Regular expressions (of RE2's syntax, which JSON Schema's includes) of the
// field types that have one. Internal to the schemas.
#pragma once

#include <string_view>

namespace millrace::resource {

inline constexpr std::string_view kDurationPattern = "^(0|([0-9]+(w|d|h|m|s|ms|us))+)$";
inline constexpr std::string_view kQuantityPattern = "^([0-9]+[.]?[0-9]*|[.][0-9]+)(Ti|Gi|Mi|Ki|T|G|M|k)?$";
inline constexpr std::string_view kDnsPattern = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
inline constexpr std::string_view kModelPattern =
    "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(@[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?|:0*[1-9][0-9]{0,17})?$";
inline constexpr std::string_view kIdentifierPattern = "^[A-Za-z_][A-Za-z0-9_]*$";
// A date, and perhaps a time, a fraction down to a microsecond and an offset. (29 February is in each year.)
inline constexpr std::string_view kTimestampPattern =
    "^[0-9]{4}-((01|03|05|07|08|10|12)-(0[1-9]|[12][0-9]|3[01])|(04|06|09|11)-(0[1-9]|[12][0-9]|30)|"
    "02-(0[1-9]|[12][0-9]))([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?([.][0-9]{1,6}0*)?"
    "([Zz]|[+-]([01][0-9]|2[0-3]):?[0-9]{2})?)?$";

}  // namespace millrace::resource
