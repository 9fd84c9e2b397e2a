#include "wal/group_plan.h"

#include <algorithm>
#include <string>

#include "base/coding.h"
#include "wal/format.h"
#include "wal/stored_frames.h"

namespace clustor {

namespace {

Status Refuse(StatusCode code, std::string message, uint64_t index) {
  StatusDetails details;
  details.message = std::move(message);
  if (index != 0) details.first_index = static_cast<int64_t>(index);
  return Status(code, std::move(details));
}

Status CheckTruncation(const GroupPlan& plan, const LogEnd& end, uint64_t from) {
  if (from <= end.hard_state.commit_index) {
    return Refuse(StatusCode::kInvalidArgument,
                  "entries up to " + std::to_string(end.hard_state.commit_index) +
                      " are committed; they cannot be truncated from " + std::to_string(from),
                  from);
  }
  if (from > plan.last_index + 1) {
    return Refuse(StatusCode::kInvalidArgument, "the truncation begins behind the log", from);
  }
  return Status::Ok();
}

Status CheckShape(const FrameBatch& batch, uint64_t last_index) {
  if (batch.byte_lengths.empty() || batch.first_index != last_index + 1 ||
      batch.last_index != batch.first_index + batch.byte_lengths.size() - 1 ||
      batch.last_index > kPositionMax) {
    return Refuse(StatusCode::kInvalidArgument,
                  "the entries " + std::to_string(batch.first_index) + " to " +
                      std::to_string(batch.last_index) + " do not follow the last index " +
                      std::to_string(last_index),
                  batch.first_index);
  }
  return Status::Ok();
}

// Checks what every frame says about itself and collects the runs of terms. The CRCs were checked
// where the frames came from.
Status CheckFrames(const FrameBatch& batch, const PlanLimits& limits, uint64_t last_term,
                   std::vector<TermRuns::Run>* terms) {
  uint64_t index = batch.first_index;
  uint64_t offset = 0;
  uint64_t term = last_term;
  for (const uint32_t frame_bytes : batch.byte_lengths) {
    if (frame_bytes < kEntryFrameOverheadBytes ||
        frame_bytes > batch.bytes.bytes() - std::min<uint64_t>(offset, batch.bytes.bytes())) {
      return Refuse(StatusCode::kInvalidArgument, "the frame lengths do not add up", index);
    }
    if (frame_bytes > FrameBytes(limits.payload_bytes_max)) {
      return Refuse(StatusCode::kTooLarge,
                    "a payload of " + std::to_string(frame_bytes - kEntryFrameOverheadBytes) +
                        " bytes exceeds the limit of " + std::to_string(limits.payload_bytes_max) +
                        " bytes",
                    index);
    }
    const std::byte* frame = batch.bytes.data() + offset;
    const uint64_t frame_term = Load64(frame + kFrameHeaderBytes);
    if (Load32(frame + 4) + kFrameHeaderBytes + kFrameTrailerBytes != frame_bytes ||
        Load64(frame + kFrameHeaderBytes + 8) != index || frame_term < term ||
        frame_term > kPositionMax) {
      return Refuse(StatusCode::kInvalidArgument,
                    "a frame does not hold entry " + std::to_string(index) + " or its term falls",
                    index);
    }
    if (frame_term != term || index == batch.first_index) terms->push_back({index, frame_term});
    term = frame_term;
    offset += frame_bytes;
    ++index;
  }
  if (offset != batch.bytes.bytes() || term != batch.last_term) {
    return Refuse(StatusCode::kInvalidArgument, "the batch contradicts its frames",
                  batch.first_index);
  }
  return Status::Ok();
}

// Exact. REQUIRES: the frames were checked.
uint64_t StoredBytes(const FrameBatch& batch, StoredForm form) {
  if (form.IsPlain()) return batch.bytes.bytes();
  uint64_t bytes = 0;
  uint64_t index = batch.first_index;
  const std::byte* frame = batch.bytes.data();
  for (const uint32_t frame_bytes : batch.byte_lengths) {
    bytes += StoredEntryBytes(form, Load64(frame + kFrameHeaderBytes), index++,
                              static_cast<uint8_t>(frame[kEntryPayloadOffset - 1]),
                              frame_bytes - kEntryFrameOverheadBytes);
    frame += frame_bytes;
  }
  return bytes;
}

Status CheckFits(const FrameBatch& batch, uint64_t stored_bytes, const PlanLimits& limits) {
  if (stored_bytes <= limits.frame_bytes_max) return Status::Ok();
  const std::string as_stored =
      limits.form.IsPlain() ? "" : ", " + std::to_string(stored_bytes) + " bytes as stored,";
  return Refuse(StatusCode::kTooLarge,
                "a write of " + std::to_string(batch.bytes.bytes()) + " bytes" + as_stored +
                    " does not fit into a segment, " + std::to_string(limits.frame_bytes_max) +
                    " bytes do",
                batch.first_index);
}

Status AddBatch(const FrameBatch& batch, const PlanLimits& limits, GroupPlan* plan) {
  RETURN_IF_ERROR(CheckShape(batch, plan->last_index));
  const uint64_t bytes = batch.bytes.bytes();
  // The stored form is never shorter: what is too large already need not be looked at.
  RETURN_IF_ERROR(CheckFits(batch, bytes, limits));
  std::vector<TermRuns::Run> terms;
  RETURN_IF_ERROR(CheckFrames(batch, limits, plan->last_term, &terms));
  const uint64_t stored_bytes = StoredBytes(batch, limits.form);
  RETURN_IF_ERROR(CheckFits(batch, stored_bytes, limits));
  plan->terms.insert(plan->terms.end(), terms.begin(), terms.end());
  plan->batches.push_back(&batch);
  plan->frame_bytes += bytes;
  plan->stored_bytes += stored_bytes;
  plan->entry_count += batch.byte_lengths.size();
  if (plan->first_index == 0) plan->first_index = batch.first_index;
  plan->last_index = batch.last_index;
  plan->last_term = batch.last_term;
  return Status::Ok();
}

// A log that ends before what it says is committed has lost entries, and no recovery takes it.
Status CheckHardState(const Write& write, const HardState& before, uint64_t last_index) {
  if (write.hard_state->term < before.term) {
    return Refuse(StatusCode::kInvalidArgument,
                  "the hard state's term falls below " + std::to_string(before.term), 0);
  }
  if (write.truncate_from) last_index = *write.truncate_from - 1;
  if (write.frames) last_index = write.frames->last_index;
  const uint64_t commit_index = write.hard_state->commit_index;
  if (commit_index <= last_index) return Status::Ok();
  return Refuse(StatusCode::kInvalidArgument,
                "entry " + std::to_string(commit_index) + " cannot be committed: the log ends at " +
                    std::to_string(last_index),
                commit_index);
}

// Applies a write to the plan. On failure the plan is as it was.
Status AddWrite(const Write& write, const LogEnd& end, const PlanLimits& limits, GroupPlan* plan) {
  const uint64_t last_index = plan->last_index;
  const uint64_t last_term = plan->last_term;
  const HardState& before = plan->hard_state ? *plan->hard_state : end.hard_state;
  if (write.hard_state) RETURN_IF_ERROR(CheckHardState(write, before, last_index));
  if (write.truncate_from) {
    RETURN_IF_ERROR(CheckTruncation(*plan, end, *write.truncate_from));
    plan->last_index = *write.truncate_from - 1;
    plan->last_term = end.terms.At(plan->last_index);
  }
  if (write.frames) {
    Status added = AddBatch(*write.frames, limits, plan);
    if (!added.ok()) {
      plan->last_index = last_index;
      plan->last_term = last_term;
      return added;
    }
  }
  if (write.truncate_from) plan->truncate_from = write.truncate_from;
  if (write.hard_state) plan->hard_state = write.hard_state;
  return Status::Ok();
}

}  // namespace

void TermRuns::Append(uint64_t first_index, uint64_t term) {
  if (runs_.empty() || runs_.back().term != term) runs_.push_back({first_index, term});
}

void TermRuns::Truncate(uint64_t from) {
  while (!runs_.empty() && runs_.back().first_index >= from) runs_.pop_back();
}

uint64_t TermRuns::At(uint64_t index) const {
  const auto above =
      std::upper_bound(runs_.begin(), runs_.end(), index,
                       [](uint64_t wanted, const Run& run) { return wanted < run.first_index; });
  return above == runs_.begin() ? 0 : (above - 1)->term;
}

GroupPlan PlanGroup(std::span<const QueuedWrite> group, const LogEnd& end,
                    const PlanLimits& limits) {
  GroupPlan plan;
  plan.last_index = end.last_index;
  plan.last_term = end.last_term;
  plan.form = limits.form;
  for (const QueuedWrite& queued : group) {
    const uint64_t bytes =
        plan.stored_bytes + StoredBytesMax(limits.form, queued.frame_bytes(), queued.entry_count());
    if (plan.writes > 0 && bytes > limits.frame_bytes_max) return plan;
    plan.refused = AddWrite(queued.write, end, limits, &plan);
    if (!plan.refused.ok()) return plan;
    ++plan.writes;
  }
  return plan;
}

}  // namespace clustor
