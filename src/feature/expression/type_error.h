// What typing says when names or types are wrong: what was found, what would be
// right, and the nearest known name or the conversion to write.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "feature/expression/operation.h"
#include "feature/expression/syntax.h"
#include "feature/expression/typing.h"
#include "table/table.h"

namespace millrace::feature::expression {

// How many arguments an overload does not take as they are; int64 for a double
// counts in `conversions` instead.
struct Fit {
  size_t mismatches = 0;
  size_t conversions = 0;
};
Fit FitOf(const Overload& overload, const std::vector<TypedNode>& arguments);

// The text of a part, or … when it is long.
std::string ShortText(const Node& node);
// "write int64(x) to convert it", or what else to do.
std::string ConversionHint(const Node& node, DataType given, DataType wanted);

Status UnknownColumn(const Node& node, const Schema& schema);
Status UnknownFunction(const Node& node);
Status UnknownNull(const Node& node);
// Ok when the call has as many arguments as the operation takes.
Status CheckCount(const Node& node, const Operation& operation);
// No overload takes these arguments.
Status TypeError(const Node& node, const Operation& operation, const std::vector<TypedNode>& arguments);

}  // namespace millrace::feature::expression
