#include "wal/prove.h"

#include <cerrno>
#include <functional>
#include <utility>

#include "wal/frame_reader.h"
#include "wal/step_reader.h"

namespace clustor {

namespace {

using FrameVisitor = std::function<void(const FrameView&)>;

// Visits the entries of a step in order; all of them must be there.
Status VisitStep(StepReader* blocks, const ReadStep& step, const FrameVisitor& visit) {
  BlockView block;
  RETURN_IF_ERROR(blocks->Read(step, &block));
  FrameReader reader(block.frames);
  uint64_t next = step.first_index;
  while (!reader.AtEnd() && next <= step.last_index) {
    FrameView frame;
    const char* why = reader.Next(&frame);
    if (why != nullptr) return blocks->Corrupt(step, why);
    if (frame.is_state() || frame.index() < step.first_index) continue;
    if (frame.index() != next++) return blocks->Corrupt(step, "an entry is missing");
    visit(frame);
  }
  if (next <= step.last_index) return blocks->Corrupt(step, "an entry is missing");
  return Status::Ok();
}

Status VisitSegment(Env* env, const LogPaths& paths, const KeyHolder* keys, const SegmentPlan& plan,
                    const FrameVisitor& visit) {
  StepReader blocks(env, paths, keys);
  for (const ReadStep& step : plan.steps) RETURN_IF_ERROR(VisitStep(&blocks, step, visit));
  return Status::Ok();
}

}  // namespace

StatusOr<EntryProof> ProveEntry(Env* env, const LogPaths& paths, const Catalog& catalog,
                                const KeyHolder* keys, uint64_t index) {
  StatusOr<MerkleHasher> hasher = MerkleHasher::Create();
  if (!hasher.ok()) return hasher.status();
  const StatusOr<SegmentPlan> plan = catalog.PlanSegmentOf(index);
  if (!plan.ok()) return plan.status();
  const uint64_t count = plan->last_index - plan->first_index + 1;
  EntryProof proof;
  proof.index = index;
  MerkleRootBuilder root(&*hasher);
  MerklePathBuilder path(&*hasher, index - plan->first_index, count);
  const Status visited = VisitSegment(env, paths, keys, *plan, [&](const FrameView& frame) {
    const MerkleHash leaf = hasher->Leaf(frame.bytes);
    root.Add(leaf);
    path.Add(leaf);
    if (frame.index() != index) return;
    proof.leaf = leaf;
    proof.frame = MerkleLeafInput(frame.bytes);
  });
  // The segment went between planning and opening.
  if (visited.details().os_errno == ENOENT && catalog.first_index() > index) {
    return catalog.PlanSegmentOf(index).status();
  }
  RETURN_IF_ERROR(visited);
  proof.of = {plan->segment_seq, plan->first_index, count, root.Root()};
  proof.path = path.Path();
  RETURN_IF_ERROR(hasher->status());
  return proof;
}

StatusOr<SegmentRoot> RootOfSegment(Env* env, const LogPaths& paths, const Catalog& catalog,
                                    const KeyHolder* keys, uint64_t segment_seq) {
  StatusOr<MerkleHasher> hasher = MerkleHasher::Create();
  if (!hasher.ok()) return hasher.status();
  const StatusOr<SegmentPlan> plan = catalog.PlanSegment(segment_seq);
  if (!plan.ok()) return plan.status();
  MerkleRootBuilder root(&*hasher);
  RETURN_IF_ERROR(VisitSegment(env, paths, keys, *plan, [&](const FrameView& frame) {
    root.Add(hasher->Leaf(frame.bytes));
  }));
  const SegmentRoot result = {segment_seq, plan->first_index, root.count(), root.Root()};
  RETURN_IF_ERROR(hasher->status());
  return result;
}

}  // namespace clustor
