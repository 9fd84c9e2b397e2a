// Which images a crash could leave of a disk: the unsynced sectors, names and lengths as units, and
// every way, or random ways, to let them survive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "fault_env.h"

namespace clustor::test {

// What a crash makes of a unit. Names and lengths are new or old.
enum class Fate : uint8_t { kNew, kOld, kZero, kGarbage, kStale };

// A piece of the disk that survives or is lost as a whole.
struct CrashUnit {
  enum class Kind : uint8_t { kName, kLength, kSectors } kind = Kind::kSectors;
  std::string path;
  size_t name_change = 0;              // kName: which one of the disk's unsynced ones.
  std::shared_ptr<const Inode> inode;  // kLength, kSectors.
  std::vector<uint64_t> sectors;       // kSectors: of one page.
  bool is_ledger = false;
};

// The fate of each unit of a disk.
using CrashPlan = std::vector<Fate>;

// How much a disk writes at once, or not.
enum class UnitBytes : uint32_t { k512 = 512, k4096 = 4096 };

class CrashDisk {
 public:
  // stale: other files whose content may show where new bytes did not arrive. All outlive this.
  CrashDisk(const DiskState& state, UnitBytes unit_bytes, std::vector<const PagedBytes*> stale);

  const std::vector<CrashUnit>& units() const { return units_; }
  // Every plan when there are at most 8 units: each subset of them new and the rest of one fate,
  // or of any fates while those are few. Else random ones. At most `limit`, in an order drawn from
  // `random`, everything new and everything old first.
  std::vector<CrashPlan> Plans(size_t limit, std::mt19937_64* random) const;
  CrashPlan RandomPlan(std::mt19937_64* random) const;
  // A plan in which records of the ledger that were synced are not torn.
  CrashPlan SparingLedger(CrashPlan plan) const;
  // What the plan does to each unit, a line each.
  std::string Describe(const CrashPlan& plan) const;
  // The machine that starts from what the plan leaves.
  std::unique_ptr<FaultEnv> Boot(const CrashPlan& plan, std::mt19937_64* random) const;

 private:
  void AddSectors(const std::string& path, const std::shared_ptr<const Inode>& inode,
                  UnitBytes unit_bytes);
  std::vector<CrashPlan> AllPlans() const;
  // The fate with the same outcome that stands first in the enum.
  Fate Canonical(const CrashUnit& unit, Fate fate) const;
  void Apply(const CrashUnit& unit, Fate fate, std::mt19937_64* random, PagedBytes* bytes) const;

  const DiskState& state_;
  const std::vector<const PagedBytes*> stale_;
  std::vector<CrashUnit> units_;
};

}  // namespace clustor::test
