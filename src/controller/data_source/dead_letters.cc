#include "controller/data_source/dead_letters.h"

#include <algorithm>
#include <vector>

#include "base/json.h"
#include "controller/tail.h"
#include "source/dead_letter.h"
#include "table/delta.h"

namespace millrace::controller::data_source {
namespace {

// When there are too many, half of them stay, so that the table is not written again each time.
constexpr int64_t kKeptLetters = kMaxPushedLetters / 2;

struct Made {
  std::string input;     // digest of the files
  uint64_t through = 0;  // position of the online log
};

std::string ToText(const Made& made) {
  return FormatJson(Json{{"input", made.input}, {"through", made.through}});
}

// Of tables from before there was a position: the digest alone.
Made ParseMade(const std::string& metadata) {
  const Result<Json> json = ParseJson(metadata, 4);
  if (!json.ok() || !json->is_object()) return {metadata, 0};
  Made made{json->value("input", std::string()), 0};
  const auto through = json->find("through");
  if (through != json->end() && through->is_number_unsigned()) made.through = through->get<uint64_t>();
  return made;
}

bool WasPushed(const Column& files, size_t row) {
  return !files.IsNull(row) && (files.String(row) == "push" || files.String(row) == "learn");
}

// The rows of `letters` that were pushed, or those that were not.
std::vector<int64_t> Choose(const Table& letters, bool pushed) {
  std::vector<int64_t> rows;
  const Column& files = letters.column(0);
  for (size_t i = 0; i < letters.num_rows(); ++i) {
    if (WasPushed(files, i) == pushed) rows.push_back(static_cast<int64_t>(i));
  }
  return rows;
}

Result<DeltaTable> Open(Context& context, const resource::ResourceKey& key) {
  return DeltaTable::OpenOrCreate(context.layout.Dead(key.project, key.name), source::DeadLetterSchema());
}

}  // namespace

Status KeepFileLetters(Context& context, const resource::ResourceKey& key, const Table& letters,
                       const std::string& input) {
  MR_ASSIGN_OR_RETURN(const DeltaTable table, Open(context, key));
  MR_ASSIGN_OR_RETURN(const DeltaSnapshot snapshot, table.Snapshot());
  MR_ASSIGN_OR_RETURN(const Table before, table.Read(snapshot));
  const std::vector<Table> parts = {letters, before.Take(Choose(before, true))};
  MR_ASSIGN_OR_RETURN(const Table all, Table::Concatenate(parts));
  const Made made{input, ParseMade(snapshot.user_metadata).through};
  return table.Overwrite(all, {.user_metadata = ToText(made), .expected_version = snapshot.version}).status();
}

Status KeepPushedLetters(Context& context, const resource::ResourceKey& key, const feature::LogRange& range) {
  if (range.unused.empty()) return Ok();
  MR_ASSIGN_OR_RETURN(const DeltaTable table, Open(context, key));
  MR_ASSIGN_OR_RETURN(const DeltaSnapshot snapshot, table.Snapshot());
  Made made = ParseMade(snapshot.user_metadata);
  std::vector<source::DeadLetter> letters;
  for (const auto& [position, row] : range.unused) {
    if (position < made.through) continue;
    letters.push_back({.file = row.origin, .row = row.row, .reason = row.reason, .text = row.text});
  }
  if (letters.empty()) return Ok();
  made.through = range.through;
  const Table added = source::DeadLetterTable(letters);
  context.stores.metrics
      .GetCounter("millrace_dead_letters_total", "Rows that could not be used.",
                  {{"project", key.project}, {"source", key.name}})
      .Add(letters.size());
  const DeltaWriteOptions options{.user_metadata = ToText(made), .expected_version = snapshot.version};
  MR_ASSIGN_OR_RETURN(const Table files, table.Read(snapshot, {"file"}));
  const auto pushed = static_cast<int64_t>(Choose(files, true).size() + letters.size());
  if (pushed <= kMaxPushedLetters) return AppendToTail(table, snapshot, added, options).status();
  MR_ASSIGN_OR_RETURN(const Table before, table.Read(snapshot));
  const std::vector<Table> parts = {before, added};
  MR_ASSIGN_OR_RETURN(const Table all, Table::Concatenate(parts));
  std::vector<int64_t> kept = Choose(all, false);
  const std::vector<int64_t> newest = Choose(all, true);
  kept.insert(kept.end(), newest.end() - kKeptLetters, newest.end());
  return table.Overwrite(all.Take(kept), options).status();
}

Result<uint64_t> LettersThrough(Context& context, const resource::ResourceKey& key) {
  const Result<DeltaTable> table = DeltaTable::Open(context.layout.Dead(key.project, key.name));
  if (!table.ok()) {
    return table.status().code() == Code::kNotFound ? Result<uint64_t>(uint64_t{0})
                                                    : Result<uint64_t>(table.status());
  }
  MR_ASSIGN_OR_RETURN(const DeltaSnapshot snapshot, table->Snapshot());
  return ParseMade(snapshot.user_metadata).through;
}

Result<int64_t> CountLetters(Context& context, const resource::ResourceKey& key) {
  MR_ASSIGN_OR_RETURN(const DeltaTable table, Open(context, key));
  MR_ASSIGN_OR_RETURN(const DeltaSnapshot snapshot, table.Snapshot());
  return snapshot.num_rows;
}

}  // namespace millrace::controller::data_source
