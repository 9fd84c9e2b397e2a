// boot_record.json says what an open found, whatever the outcome, and is never in the way of one.
#include <cerrno>
#include <string>

#include "check.h"
#include "log_fixture.h"

namespace clustor::test {

namespace {

const std::string kRecordPath = std::string(kDirectory) + "/boot_record.json";

std::string RecordOf(const FaultEnv& env) {
  const std::vector<std::byte> bytes = env.Bytes(kRecordPath);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool Says(const FaultEnv& env, const std::string& member) {
  const std::string record = RecordOf(env);
  const bool says = record.find(member) != std::string::npos;
  if (!says) Fail(__FILE__, __LINE__, member + " is not in " + record);
  return says;
}

}  // namespace

TEST(BootRecord, SaysThatANewLogIsHealthy) {
  LogFixture log;

  CHECK(log.Open());

  CHECK(log.log->recovery().boot_record_written);
  CHECK(Says(*log.env, "{\n  \"format\": 1,\n  \"state\": \"healthy\",\n"));
  CHECK(Says(*log.env, "\"damage\": null"));
  CHECK(Says(*log.env, "\"created\": true"));
}

TEST(BootRecord, SaysWhatWasRepaired) {
  LogFixture log;
  CHECK(log.Open());
  CHECK_OK(log.SaveHardState({3, 2, 0}));
  CHECK_OK(log.Append("kept"));
  log.Close();
  std::vector<std::byte> segment = log.env->Bytes(log.SegmentPath(1));
  segment[3 * 4096 + 100] = std::byte{1};
  log.env->SetBytes(log.SegmentPath(1), segment);

  CHECK(log.Open());

  CHECK(Says(*log.env, "\"state\": \"repaired\""));
  CHECK(Says(*log.env, "\"tornBytesDropped\": \"512\""));
  CHECK(Says(*log.env, "\"term\": \"3\",\n    \"vote\": \"2\""));
  CHECK(Says(*log.env, "\"lastIndex\": \"1\""));
  CHECK(Says(*log.env, "\"validBlock\": \"2\""));
}

TEST(BootRecord, SaysWhyADamagedLogWasRefused) {
  LogFixture log;
  CHECK(log.Open());
  for (int i = 0; i < 3; ++i) CHECK_OK(log.Append("entry"));
  log.Close();
  log.FlipBit(log.SegmentPath(1), 3 * 4096 + 120);

  CHECK(!log.Open());

  CHECK(Says(*log.env, "\"state\": \"quarantined\""));
  CHECK(Says(*log.env, "\"code\": \"ERR_LOG_CORRUPT\""));
  CHECK(Says(*log.env, "\"segment\": \"1\",\n    \"offset\": \"12288\""));
  CHECK(Says(*log.env, "\"firstIndex\": \"3\",\n    \"lastIndex\": \"3\""));
}

TEST(BootRecord, IsNotWrittenIntoADirectoryOfSomebodyElse) {
  LogFixture log;
  CHECK(log.Open());
  log.Close();
  CHECK_OK(log.env->RemoveFile(kRecordPath));
  log.options.identity.replica = 9;

  CHECK(!log.Open());

  CHECK(!log.env->Has(kRecordPath));
}

// W13: a log opens on a full disk, and says that the record could not be written.
TEST(BootRecord, IsDoneWithoutWhenThereIsNoRoomForIt) {
  for (const Call call : {Call::kOpen, Call::kWrite, Call::kSync, Call::kRename}) {
    LogFixture log;
    CHECK(log.Open());
    CHECK_OK(log.Append("entry"));
    log.Close();
    log.env->OnlyOn("boot_record");
    log.env->FailCall(call, 1, ENOSPC, /*sticky=*/true);

    CHECK(log.Open());

    CHECK(!log.log->recovery().boot_record_written);
    CHECK(!log.env->Has(std::string(kDirectory) + "/boot_record.next"));
    CHECK_OK(log.Append("life goes on"));
  }
}

}  // namespace clustor::test
