#include "wal/catalog.h"

#include <algorithm>
#include <utility>

namespace clustor {

namespace {

Status RangeError(StatusCode code, const char* what, uint64_t index, uint64_t first,
                  uint64_t last) {
  StatusDetails details;
  details.message = "index " + std::to_string(index) + what + "; the log holds " +
                    std::to_string(first) + " to " + std::to_string(last);
  details.first_index = static_cast<int64_t>(first);
  details.last_index = static_cast<int64_t>(last);
  return Status(code, std::move(details));
}

// The last span that begins at or below index.
std::vector<BlockSpan>::const_iterator SpanOf(const std::vector<BlockSpan>& blocks,
                                              uint64_t index) {
  const auto above = std::upper_bound(
      blocks.begin(), blocks.end(), index,
      [](uint64_t wanted, const BlockSpan& span) { return wanted < span.first_index; });
  return above - 1;
}

}  // namespace

void Catalog::Reset(std::deque<SegmentSpans> segments, uint64_t first_index, uint64_t last_index) {
  const MutexLock lock(&mutex_);
  segments_ = std::move(segments);
  first_index_ = first_index;
  last_index_ = last_index;
}

void Catalog::AddSegment(const SegmentHeader& header) {
  const MutexLock lock(&mutex_);
  segments_.push_back({header.segment_seq,
                       header.segment_bytes,
                       header.form(),
                       header.dek_epoch,
                       header.mac_epoch,
                       {}});
}

void Catalog::AddBlock(const BlockSpan& block, uint64_t last_index) {
  const MutexLock lock(&mutex_);
  segments_.back().blocks.push_back(block);
  last_index_ = last_index;
}

void Catalog::TruncateSuffix(uint64_t from) {
  const MutexLock lock(&mutex_);
  for (SegmentSpans& segment : segments_) {
    while (!segment.blocks.empty() && segment.blocks.back().first_index >= from) {
      segment.blocks.pop_back();
    }
  }
  last_index_ = from - 1;
  first_index_ = std::min(first_index_, from);
}

uint64_t Catalog::FirstIndexFrom(size_t segment) const {
  for (; segment < segments_.size(); ++segment) {
    if (!segments_[segment].blocks.empty()) return segments_[segment].blocks.front().first_index;
  }
  return last_index_ + 1;
}

std::vector<uint64_t> Catalog::RemovableSegments(uint64_t before, uint64_t keep_from) const {
  const MutexLock lock(&mutex_);
  std::vector<uint64_t> removable;
  for (size_t i = 0; i + 1 < segments_.size(); ++i) {
    if (segments_[i].segment_seq >= keep_from || FirstIndexFrom(i + 1) > before) break;
    removable.push_back(segments_[i].segment_seq);
  }
  return removable;
}

uint64_t Catalog::RemoveOldest(size_t count) {
  const MutexLock lock(&mutex_);
  first_index_ = FirstIndexFrom(count);
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(count));
  return first_index_;
}

uint64_t Catalog::FirstIndexWithout(size_t count) const {
  const MutexLock lock(&mutex_);
  return FirstIndexFrom(count);
}

Status Catalog::CheckIndexes(uint64_t first_index, uint64_t last_index) const {
  if (first_index < first_index_) {
    return RangeError(StatusCode::kIndexCompacted, " was removed", first_index, first_index_,
                      last_index_);
  }
  if (last_index > last_index_) {
    return RangeError(StatusCode::kIndexOutOfRange, " is not there", last_index, first_index_,
                      last_index_);
  }
  return Status::Ok();
}

StatusOr<std::vector<ReadStep>> Catalog::Plan(uint64_t first_index, uint64_t last_index,
                                              uint64_t bytes_max) const {
  const MutexLock lock(&mutex_);
  if (first_index > last_index) {
    return Status(StatusCode::kInvalidArgument, "the range to read is empty");
  }
  RETURN_IF_ERROR(CheckIndexes(first_index, last_index));
  std::vector<ReadStep> steps;
  uint64_t bytes = 0;
  for (size_t i = 0; i < segments_.size(); ++i) {
    const std::vector<BlockSpan>& blocks = segments_[i].blocks;
    const uint64_t end = FirstIndexFrom(i + 1);
    if (blocks.empty() || end <= first_index) continue;
    auto span =
        blocks.front().first_index > first_index ? blocks.begin() : SpanOf(blocks, first_index);
    for (; span != blocks.end(); ++span) {
      if (span->first_index > last_index || (!steps.empty() && bytes >= bytes_max)) return steps;
      const uint64_t next = span + 1 == blocks.end() ? end : (span + 1)->first_index;
      steps.push_back({segments_[i].segment_seq, segments_[i].form, segments_[i].dek_epoch,
                       span->offset(), span->bytes, std::max(first_index, span->first_index),
                       std::min(last_index, next - 1)});
      bytes += span->bytes;
    }
  }
  return steps;
}

SegmentPlan Catalog::PlanWhole(size_t segment) const {
  const SegmentSpans& spans = segments_[segment];
  const uint64_t end = FirstIndexFrom(segment + 1);
  SegmentPlan plan;
  plan.segment_seq = spans.segment_seq;
  plan.first_index = spans.blocks.empty() ? end : spans.blocks.front().first_index;
  plan.last_index = end - 1;
  for (size_t i = 0; i < spans.blocks.size(); ++i) {
    const BlockSpan& span = spans.blocks[i];
    const uint64_t next = i + 1 == spans.blocks.size() ? end : spans.blocks[i + 1].first_index;
    plan.steps.push_back({spans.segment_seq, spans.form, spans.dek_epoch, span.offset(), span.bytes,
                          span.first_index, next - 1});
  }
  return plan;
}

StatusOr<SegmentPlan> Catalog::PlanSegmentOf(uint64_t index) const {
  const MutexLock lock(&mutex_);
  RETURN_IF_ERROR(CheckIndexes(index, index));
  size_t segment = 0;
  while (FirstIndexFrom(segment + 1) <= index) ++segment;
  return PlanWhole(segment);
}

StatusOr<SegmentPlan> Catalog::PlanSegment(uint64_t segment_seq) const {
  const MutexLock lock(&mutex_);
  for (size_t i = 0; i < segments_.size(); ++i) {
    if (segments_[i].segment_seq == segment_seq) return PlanWhole(i);
  }
  return Status(StatusCode::kIndexOutOfRange,
                "the log has no segment " + std::to_string(segment_seq));
}

KeyEpochs Catalog::Epochs() const {
  const MutexLock lock(&mutex_);
  KeyEpochs epochs;
  for (const SegmentSpans& segment : segments_) {
    epochs.dek.emplace(segment.dek_epoch, segment.segment_seq);
    epochs.mac.emplace(segment.mac_epoch, segment.segment_seq);
  }
  return epochs;
}

uint64_t Catalog::SegmentFrom(uint64_t segment_seq) const {
  const MutexLock lock(&mutex_);
  for (const SegmentSpans& segment : segments_) {
    if (segment.segment_seq >= segment_seq) return segment.segment_seq;
  }
  return 0;
}

std::optional<IndexRange> Catalog::EntriesFrom(uint64_t segment_seq, uint64_t offset) const {
  const MutexLock lock(&mutex_);
  for (size_t i = 0; i < segments_.size(); ++i) {
    if (segments_[i].segment_seq != segment_seq) continue;
    for (const BlockSpan& span : segments_[i].blocks) {
      if (span.offset() >= offset) return IndexRange{span.first_index, FirstIndexFrom(i + 1) - 1};
    }
  }
  return std::nullopt;
}

uint64_t Catalog::first_index() const {
  const MutexLock lock(&mutex_);
  return first_index_;
}

uint64_t Catalog::last_index() const {
  const MutexLock lock(&mutex_);
  return last_index_;
}

uint64_t Catalog::segments() const {
  const MutexLock lock(&mutex_);
  return segments_.size();
}

uint64_t Catalog::file_bytes() const {
  const MutexLock lock(&mutex_);
  uint64_t bytes = 0;
  for (const SegmentSpans& segment : segments_) bytes += segment.file_bytes;
  return bytes;
}

}  // namespace clustor
