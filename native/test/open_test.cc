// Refusals of Open: lock, identity, permissions, options.
#include <cerrno>

#include "check.h"
#include "log_fixture.h"
#include "wal/identity.h"

namespace clustor::test {

// W19
TEST(Open, IsRefusedWhileAnotherHasTheLog) {
  LogFixture log;
  CHECK(log.Open());
  Recorder recorder;

  const auto second = Log::Open(log.env.get(), log.options, nullptr, &recorder);

  CHECK_EQ(second.status().code(), StatusCode::kLocked);
  CHECK_EQ(second.status().details().owner_pid, 4711);
  CHECK(log.Reopen());
}

TEST(Open, IsRefusedForAnotherIdentity) {
  LogFixture log;
  log.options.identity.incarnation = 5;
  CHECK(log.Open());
  log.Close();
  const LogIdentity own = log.options.identity;
  for (const LogIdentity& other :
       {LogIdentity{"c2", "orders", 1, 5}, LogIdentity{"c1", "other", 1, 5},
        LogIdentity{"c1", "orders", 2, 5}, LogIdentity{"c1", "orders", 1, 6}}) {
    log.options.identity = other;
    const std::unique_ptr<FaultEnv> before = log.env->Copy();

    CHECK(!log.Open());
    CHECK_EQ(log.open_status.code(), StatusCode::kIdentityMismatch);
    CHECK(log.open_status.message().find("\"orders\"") != std::string::npos);
    CHECK(log.env->SameAs(*before));
  }
  log.options.identity = own;
  log.options.identity.incarnation = 0;
  CHECK(log.Open());
  CHECK_EQ(log.log->recovery().incarnation, 5u);
}

// W23: grafted from another partition.
TEST(Open, IsRefusedWhenASegmentOfAnotherPartitionIsGrafted) {
  LogFixture other;
  other.options.identity.partition = "other";
  CHECK(other.Open());
  LogFixture log;
  CHECK(log.Open());
  log.Close();
  log.env->SetBytes(log.SegmentPath(1), other.env->Bytes(other.SegmentPath(1)));

  CHECK(!log.Open());
  CHECK_EQ(log.open_status.code(), StatusCode::kIdentityMismatch);
}

TEST(Open, IsRefusedWhereNothingCanBeWritten) {
  LogFixture log;
  log.env->OnlyOn(".write_probe");
  log.env->FailCall(Call::kOpen, 1, EACCES);

  CHECK(!log.Open());
  CHECK_EQ(log.open_status.code(), StatusCode::kNotWritable);
  CHECK_EQ(log.open_status.details().os_errno, EACCES);
  CHECK_EQ(log.open_status.details().path, std::string(kDirectory));
}

TEST(Open, IsRefusedForOptionsOutOfBounds) {
  LogFixture log;
  log.options.segment_bytes_max = 1'000;
  CHECK(!log.Open());
  CHECK_EQ(log.open_status.code(), StatusCode::kInvalidArgument);
  log.options = SmallOptions();
  log.options.block_alignment = 768;
  CHECK(!log.Open());
  CHECK_EQ(log.open_status.code(), StatusCode::kInvalidArgument);
  log.options = SmallOptions();
  log.options.directory.clear();
  CHECK(!log.Open());
  CHECK_EQ(log.open_status.code(), StatusCode::kInvalidArgument);
}

TEST(Open, LeavesTheLockFreeWhenItIsRefused) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.Append("x"));
  log.Close();
  log.FlipBit(log.SegmentPath(1), 4096 + 20);

  CHECK(!log.Open());

  CHECK_EQ(log.open_status.code(), StatusCode::kLogCorrupt);
  CHECK(!log.env->IsLocked(std::string(kDirectory) + "/LOCK").value());
}

TEST(Identity, ReadsBackWhateverTheNames) {
  const LogIdentity identity{"quo\"te\\ and \n line", "größe", 7, 123};

  const StatusOr<LogIdentity> parsed = ParseIdentity(FormatIdentity(identity, 5));

  CHECK_OK(parsed.status());
  CHECK_EQ(parsed->cluster, identity.cluster);
  CHECK_EQ(parsed->partition, identity.partition);
  CHECK_EQ(parsed->replica, 7u);
  CHECK_EQ(parsed->incarnation, 123u);
}

TEST(Identity, OfAnotherFormIsRefused) {
  std::string text = FormatIdentity({"c", "p", 1, 1}, 5);

  CHECK_EQ(ParseIdentity(text + " ").status().code(), StatusCode::kLogCorrupt);
  CHECK_EQ(ParseIdentity(text.substr(0, 40)).status().code(), StatusCode::kLogCorrupt);
  CHECK_EQ(ParseIdentity("").status().code(), StatusCode::kLogCorrupt);
  text.replace(text.find("1,"), 1, "2");
  CHECK_EQ(ParseIdentity(text).status().code(), StatusCode::kFormatNewer);
}

}  // namespace clustor::test
