#include "feature/internal/view_layout.h"

namespace millrace::feature {
namespace {

Accumulator AccumulatorOf(const Aggregation& aggregation) {
  switch (aggregation.aggregate) {
    case Aggregate::kCount:
      return aggregation.where ? Accumulator::kCount : Accumulator::kNone;
    case Aggregate::kTimeSinceLast:
      return aggregation.where ? Accumulator::kEnd : Accumulator::kNone;
    case Aggregate::kSum:
    case Aggregate::kMean:
      return Accumulator::kSum;
    case Aggregate::kStddev:
      return Accumulator::kMoments;
    case Aggregate::kMin:
    case Aggregate::kMax:
      return Accumulator::kExtreme;
    case Aggregate::kFirst:
    case Aggregate::kLast:
      return Accumulator::kEnd;
    case Aggregate::kDistinct:
      return Accumulator::kDistinct;
  }
  return Accumulator::kNone;
}

}  // namespace

ViewLayout::ViewLayout(const ViewPlan& plan) {
  slots = plan.slots.size();
  presence_words = (slots + 1 + 63) / 64;
  stride = 2 + presence_words + slots;
  const SourcePlan& source = plan.source;
  text_ids = source.event_id && source.schema[*source.event_id].type == DataType::kString;
  for (size_t slot = 0; slot < slots; ++slot) {
    if (plan.slots[slot].type == DataType::kString) text_slots.push_back(slot);
  }
  for (const Aggregation& aggregation : plan.aggregations) {
    AggregationLayout made;
    made.aggregate = aggregation.aggregate;
    made.accumulator = AccumulatorOf(aggregation);
    if (aggregation.of) {
      made.of = static_cast<int>(*aggregation.of);
      made.of_type = plan.slots[*aggregation.of].type;
    }
    if (aggregation.where) made.where = static_cast<int>(*aggregation.where);
    switch (made.accumulator) {
      case Accumulator::kNone:
        break;
      case Accumulator::kCount:
        made.index = counts++;
        break;
      case Accumulator::kSum:
        made.index = sums++;
        break;
      case Accumulator::kMoments:
        made.index = moments++;
        break;
      case Accumulator::kExtreme:
        made.index = extremes++;
        break;
      case Accumulator::kEnd:
        made.index = ends++;
        break;
      case Accumulator::kDistinct:
        made.index = distincts++;
        break;
    }
    aggregations.push_back(made);
  }
}

}  // namespace millrace::feature
