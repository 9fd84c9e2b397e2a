#include "wal/inspect.h"

#include "check.h"
#include "log_fixture.h"

namespace clustor::test {

TEST(Verify, AgreesWithWhatOpenFindsAndChangesNothing) {
  LogFixture log;
  CHECK(log.Open());
  for (int i = 0; i < 50; ++i) CHECK_OK(log.Append(std::string(2'000, 'x')));
  const std::unique_ptr<FaultEnv> before = log.env->Copy();

  const StatusOr<VerifyReport> report = VerifyDirectory(log.env.get(), kDirectory, "");

  CHECK_OK(report.status());
  CHECK_OK(report->verdict);
  CHECK(report->locked);
  CHECK_EQ(report->recovery.entries.last_index, 50u);
  CHECK_EQ(report->recovery.valid_block, report->recovery.proven_block);
  CHECK_EQ(report->identity.partition, std::string("orders"));
  CHECK(log.env->SameAs(*before));
}

TEST(Dump, ListsSegmentsBlocksRecordsAndLedger) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.SaveHardState({2, 1, 0}));
  CHECK_OK(log.Append({{2, 1, "abc"}, {2, 0, ""}}));
  CHECK_OK(log.Replace(2, {}));

  StatusOr<std::unique_ptr<DumpIterator>> dump = DumpIterator::Open(log.env.get(), kDirectory, "");
  CHECK_OK(dump.status());
  std::string seen;
  for (;;) {
    StatusOr<std::optional<DumpItem>> item = (*dump)->Next();
    CHECK_OK(item.status());
    if (!item->has_value()) break;
    seen += "SBEHTLI"[static_cast<size_t>((*item)->type)];
  }

  // Ledger: transition, prefix; block 1; entry and block 2; block 3.
  CHECK_EQ(seen, std::string("SBHBEEBTLLLLLL"));
}

TEST(Dump, SaysWhereAFileStopsVerifying) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append("abc"));
  CHECK_OK(log.Append("def"));
  log.FlipBit(log.SegmentPath(1), 8192 + 120);

  StatusOr<std::unique_ptr<DumpIterator>> dump = DumpIterator::Open(log.env.get(), kDirectory, "");
  CHECK_OK(dump.status());
  uint64_t invalid_offset = 0;
  for (;;) {
    StatusOr<std::optional<DumpItem>> item = (*dump)->Next();
    CHECK_OK(item.status());
    if (!item->has_value()) break;
    if ((*item)->type == DumpItem::Type::kInvalid) invalid_offset = (*item)->offset;
  }

  CHECK_EQ(invalid_offset, 8192u);
}

}  // namespace clustor::test
