// The table offline/P/dead/S: rows that could not be used, those of the files first,
// then those that were pushed or learned, in the order in which they came.
//
// Its user metadata says what it was made from, as the events' commit does: the digest
// of the files, and the position of the online log that it reaches. So a kill between
// its commit and that of the events neither loses a row nor keeps one twice. Of pushed
// rows the newest 50,000 stay.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "controller/context.h"
#include "feature/online_store.h"
#include "resource/resource.h"
#include "table/table.h"

namespace millrace::controller::data_source {

inline constexpr int64_t kMaxPushedLetters = 50'000;

// Puts the letters of the files in the place of the files' former ones.
Status KeepFileLetters(Context& context, const resource::ResourceKey& key, const Table& letters,
                       const std::string& input);

// Adds those of the log's range that it does not have yet, and counts them.
Status KeepPushedLetters(Context& context, const resource::ResourceKey& key, const feature::LogRange& range);

// The position of the online log that it reaches; 0 when there is no table.
Result<uint64_t> LettersThrough(Context& context, const resource::ResourceKey& key);

// Rows in it; 0 when there is no table.
Result<int64_t> CountLetters(Context& context, const resource::ResourceKey& key);

}  // namespace millrace::controller::data_source
