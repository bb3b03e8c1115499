// SourceState: the views of one source, and which of its events they have.
//
// Apply and Join decide what an event is (new, known, late) and place it in every
// view; what they decide depends only on the events so far and their order, so a
// log replayed gives the same state. One writer at a time (the store's ingest
// lock); reads of the views need no such lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "feature/cell.h"
#include "feature/internal/text_pool.h"
#include "feature/internal/view_state.h"
#include "feature/internal/word_table.h"
#include "feature/plan.h"
#include "table/table.h"

namespace millrace::feature {

enum class Outcome : uint8_t { kAccepted, kJoined, kDuplicate, kLate, kAhead, kNoTime, kUnknownId };

// A column of the source's schema and its value.
using ColumnCell = std::pair<size_t, Cell>;

class SourceState {
 public:
  SourceState(SourcePlan source, std::vector<ViewPlanPtr> views, Micros history);

  const SourcePlan& source() const { return source_; }
  std::span<const std::unique_ptr<ViewState>> views() const { return views_; }
  // The last view of that name; null when there is none.
  ViewState* FindView(std::string_view name) const;
  ViewState* FindDigest(std::string_view digest) const;

  // A row of the source's schema. `replay`: it was accepted before, so it is not
  // refused for being late.
  Outcome Apply(std::span<const Cell> row, bool replay);
  // Columns that are known later, for the event of an id. Null says nothing; it is a duplicate when
  // every value is known to be there already.
  Outcome Join(const Cell& id, std::span<const ColumnCell> columns);
  // The row's columns that are known later and are there.
  std::vector<ColumnCell> LaterColumns(std::span<const Cell> row) const;
  // Many events at once, into a state without any.
  Status Load(const Table& events, const std::function<void(int64_t)>& progress);

  // INT64_MIN before the first event.
  int64_t newest() const { return newest_.load(std::memory_order_relaxed); }
  uint64_t arrivals() const { return arrivals_; }
  size_t ids() const { return ids_.size(); }
  size_t id_bytes() const { return ids_.HeapBytes() + id_texts_.bytes(); }
  // Lets go of what no read can reach any more. Changes no answer: an id is known or not by its
  // event's time alone.
  void Sweep();
  // The same of the views alone: also while somebody writes.
  void SweepViews();
  bool text_ids() const;

  // For snapshots. A handle is the key's in the view that reads what is known later, plus one; 0 for none.
  void Restore(int64_t newest, uint64_t arrivals);
  void RestoreId(const Cell& id, int64_t time, std::span<const uint64_t> handles);
  template <typename Visit>
  void ForEachId(const Visit& visit) const {
    ids_.ForEach([&](uint64_t key, const uint64_t* words) {
      const Cell id = text_ids() ? Cell::Text(id_texts_.Text(key)) : Cell::Int(static_cast<int64_t>(key));
      visit(id, static_cast<int64_t>(words[0]), std::span<const uint64_t>(words + 1, later_views_.size()));
    });
  }
  // Views that read what is known later, in order.
  std::span<const size_t> later_views() const { return later_views_; }

 private:
  // One view's programs, for the one writer.
  struct Programs {
    std::vector<Expression::Scratch> slots;
    std::vector<Expression::Scratch> where;  // one or none
    std::vector<Cell> cells;
    std::vector<Cell> key_parts;
    KeyBytes key;
  };

  KeyHandle InsertInto(size_t view, std::span<const Cell> row, const Position& at);
  // Whether the view had every one of these values already.
  bool ChangeIn(size_t view, KeyHandle key, const Position& at, std::span<const ColumnCell> columns);
  void EvaluateSlots(size_t view, std::span<const Cell> row);
  Status LoadView(size_t view, const Table& events, std::span<const uint8_t> skip,
                  std::span<uint64_t> handles, const std::function<void(int64_t)>& progress);
  int64_t ViewHorizon(const ViewPlan& plan) const;
  // Ids of events up to it are not known any more, whether or not they were swept by now.
  int64_t IdHorizon() const;
  uint64_t* FindId(const Cell& id);
  void EraseId(uint64_t key);
  uint64_t* InsertId(const Cell& id, int64_t time);
  void SweepIds();
  Position PositionOf(const Cell& id, int64_t time) const;

  SourcePlan source_;
  Micros history_;
  Micros id_reach_{1};  // how long an id is known beyond lateness and history
  std::vector<std::unique_ptr<ViewState>> views_;
  std::vector<size_t> later_views_;
  std::vector<Programs> programs_;
  std::atomic<int64_t> newest_{INT64_MIN};
  uint64_t arrivals_ = 0;  // events without an id so far
  WordTable ids_;          // id (a text's code) → event time, then a handle a later view
  TextPool id_texts_;
  size_t ids_after_sweep_ = 0;
};

}  // namespace millrace::feature
