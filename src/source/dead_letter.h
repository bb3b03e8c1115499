// Rows that could not be used, and why. They are counted and kept; they stop
// nothing else.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "table/table.h"

namespace millrace::source {

struct DeadLetter {
  std::string file;    // its path, or "push", or "sql" for a row of the SQL step
  int64_t row = 0;     // counted from 1 among the file's rows (a CSV header is none); 0 when not known
  std::string reason;  // a sentence
  std::string text;    // the row as text where there is one, cut at 4 KiB
};

// file string, row int64, reason string, text string (null when empty).
Schema DeadLetterSchema();
Table DeadLetterTable(std::span<const DeadLetter> letters);

}  // namespace millrace::source
