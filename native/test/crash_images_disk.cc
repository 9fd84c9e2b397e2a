#include "crash_images_disk.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace clustor::test {

namespace {

// Up to so many units every subset is tried; up to so many plans, every mixture of fates.
constexpr size_t kUnitsExhaustive = 8;
constexpr size_t kPlansExhaustive = 700;

constexpr Fate kLostFates[] = {Fate::kOld, Fate::kZero, Fate::kGarbage, Fate::kStale};

bool IsLedger(const std::string& path) { return path.find("durability") != std::string::npos; }

bool IsBinary(const CrashUnit& unit) { return unit.kind != CrashUnit::Kind::kSectors; }

// Only segments are recycled, and the page of their header is zero on the disk before the file is
// made a segment (docs/wal-format.md, section 7). The ledger is filled with zeros first.
bool CanBeStale(const CrashUnit& unit) {
  return !unit.is_ledger && unit.sectors.front() >= kPageBytes / kSector;
}

}  // namespace

CrashDisk::CrashDisk(const DiskState& state, UnitBytes unit_bytes,
                     std::vector<const PagedBytes*> stale)
    : state_(state), stale_(std::move(stale)) {
  std::map<std::string, std::shared_ptr<const Inode>> files = state.durable_names;
  for (size_t i = 0; i < state.unsynced_names.size(); ++i) {
    const NameChange& change = state.unsynced_names[i];
    CrashUnit unit;
    unit.kind = CrashUnit::Kind::kName;
    unit.name_change = i;
    unit.path = change.from + (change.inode == nullptr ? " removed " : " -> ") + change.path;
    units_.push_back(std::move(unit));
    if (change.inode != nullptr) files[change.path] = change.inode;
  }
  std::set<const Inode*> added;
  for (const auto& [path, inode] : files) {
    if (added.insert(inode.get()).second) AddSectors(path, inode, unit_bytes);
  }
}

void CrashDisk::AddSectors(const std::string& path, const std::shared_ptr<const Inode>& inode,
                           UnitBytes unit_bytes) {
  CrashUnit unit;
  unit.inode = inode;
  unit.path = path;
  unit.is_ledger = IsLedger(path);
  if (inode->seen.bytes() != inode->durable.bytes()) {
    unit.kind = CrashUnit::Kind::kLength;
    units_.push_back(unit);
    unit.kind = CrashUnit::Kind::kSectors;
  }
  constexpr uint64_t kPerPage = kPageBytes / kSector;
  uint64_t page = UINT64_MAX;
  for (const uint64_t sector : inode->dirty) {
    const bool joins = unit_bytes == UnitBytes::k4096 && sector / kPerPage == page;
    page = sector / kPerPage;
    if (joins && unit.is_ledger) continue;
    if (joins) {
      units_.back().sectors.push_back(sector);
      continue;
    }
    unit.sectors = {sector};
    // docs/wal-format.md, section 6: a ledger page that tears takes synced records along. Blocks
    // that share a page with older ones ask for sectors that are left alone (section 5).
    if (unit_bytes == UnitBytes::k4096 && unit.is_ledger) {
      unit.sectors.clear();
      for (uint64_t s = page * kPerPage; s < (page + 1) * kPerPage; ++s) unit.sectors.push_back(s);
    }
    units_.push_back(unit);
  }
}

Fate CrashDisk::Canonical(const CrashUnit& unit, Fate fate) const {
  if (IsBinary(unit)) return fate == Fate::kNew ? Fate::kNew : Fate::kOld;
  if (fate == Fate::kStale && (stale_.empty() || !CanBeStale(unit))) fate = Fate::kGarbage;
  if (fate != Fate::kOld && fate != Fate::kZero) return fate;
  const uint64_t from = unit.sectors.front() * kSector;
  const uint64_t bytes = unit.sectors.size() * kSector;
  const Inode& inode = *unit.inode;
  if (fate == Fate::kOld) {
    return inode.seen.RangeEquals(inode.durable, from, bytes) ? Fate::kNew : Fate::kOld;
  }
  if (inode.seen.IsZero(from, bytes)) return Fate::kNew;
  return inode.durable.IsZero(from, bytes) ? Fate::kOld : Fate::kZero;
}

std::vector<CrashPlan> CrashDisk::AllPlans() const {
  std::set<CrashPlan> plans;
  size_t product = 1;
  for (const CrashUnit& unit : units_) product *= IsBinary(unit) ? 2 : 5;
  CrashPlan plan(units_.size());
  const auto add = [&] {
    CrashPlan canonical = plan;
    for (size_t u = 0; u < units_.size(); ++u) canonical[u] = Canonical(units_[u], plan[u]);
    plans.insert(std::move(canonical));
  };
  if (product <= kPlansExhaustive) {
    for (size_t number = 0; number < product; ++number) {
      size_t rest = number;
      for (size_t u = 0; u < units_.size(); ++u) {
        const size_t fates = IsBinary(units_[u]) ? 2 : 5;
        plan[u] = static_cast<Fate>(rest % fates);
        rest /= fates;
      }
      add();
    }
  } else {
    for (const Fate lost : kLostFates) {
      for (size_t subset = 0; subset < size_t{1} << units_.size(); ++subset) {
        for (size_t u = 0; u < units_.size(); ++u) {
          plan[u] = (subset >> u & 1) != 0 ? Fate::kNew : lost;
        }
        add();
      }
    }
  }
  return {plans.begin(), plans.end()};
}

CrashPlan CrashDisk::RandomPlan(std::mt19937_64* random) const {
  CrashPlan plan(units_.size());
  // From nearly everything new to nearly everything lost; the lost ones alike, or each its own way.
  const uint64_t survivors_of_8 = (*random)() % 9;
  const bool alike = (*random)() % 2 == 0;
  const Fate lost = kLostFates[(*random)() % 4];
  for (size_t u = 0; u < units_.size(); ++u) {
    const bool survives = (*random)() % 8 < survivors_of_8;
    const Fate gone = alike ? lost : kLostFates[(*random)() % 4];
    plan[u] = survives ? Fate::kNew : Canonical(units_[u], gone);
  }
  return plan;
}

std::vector<CrashPlan> CrashDisk::Plans(size_t limit, std::mt19937_64* random) const {
  std::vector<CrashPlan> plans;
  const CrashPlan all_new(units_.size(), Fate::kNew);
  if (units_.size() <= kUnitsExhaustive) {
    plans = AllPlans();
    std::shuffle(plans.begin(), plans.end(), *random);
    const auto first = std::find(plans.begin(), plans.end(), all_new);
    if (first != plans.end()) std::iter_swap(plans.begin(), first);
    if (plans.size() > limit) plans.resize(limit);
    return plans;
  }
  plans.push_back(all_new);
  plans.emplace_back(units_.size(), Fate::kOld);
  while (plans.size() < limit) plans.push_back(RandomPlan(random));
  return plans;
}

CrashPlan CrashDisk::SparingLedger(CrashPlan plan) const {
  for (size_t u = 0; u < units_.size(); ++u) {
    if (units_[u].is_ledger && plan[u] != Fate::kNew) plan[u] = Fate::kOld;
  }
  return plan;
}

std::string CrashDisk::Describe(const CrashPlan& plan) const {
  constexpr const char* kFates[] = {"new", "old", "zero", "garbage", "stale"};
  std::string text;
  for (size_t u = 0; u < units_.size(); ++u) {
    const CrashUnit& unit = units_[u];
    text += "  " + unit.path;
    if (unit.kind == CrashUnit::Kind::kLength) text += " length";
    if (unit.kind == CrashUnit::Kind::kSectors) {
      text += " sectors " + std::to_string(unit.sectors.front()) + " to " +
              std::to_string(unit.sectors.back());
    }
    text += std::string(": ") + kFates[static_cast<size_t>(plan[u])] + "\n";
  }
  return text;
}

void CrashDisk::Apply(const CrashUnit& unit, Fate fate, std::mt19937_64* random,
                      PagedBytes* bytes) const {
  const PagedBytes* stale =
      stale_.empty() ? nullptr : stale_[static_cast<size_t>((*random)() % stale_.size())];
  for (const uint64_t sector : unit.sectors) {
    const uint64_t at = sector * kSector;
    if (at >= bytes->bytes()) continue;
    switch (fate) {
      case Fate::kOld:
        break;
      case Fate::kNew:
        bytes->CopyRange(unit.inode->seen, at, kSector);
        break;
      case Fate::kZero:
        bytes->Zero(at, kSector);
        break;
      case Fate::kStale:
        if (stale != nullptr) bytes->CopyRange(*stale, at, kSector);
        break;
      case Fate::kGarbage: {
        std::array<uint64_t, kSector / 8> garbage;
        for (uint64_t& word : garbage) word = (*random)();
        const uint64_t there = std::min(kSector, bytes->bytes() - at);
        bytes->Write(at, std::as_bytes(std::span(garbage)).first(static_cast<size_t>(there)));
        break;
      }
    }
  }
}

std::unique_ptr<FaultEnv> CrashDisk::Boot(const CrashPlan& plan, std::mt19937_64* random) const {
  std::map<std::string, std::shared_ptr<const Inode>> names = state_.durable_names;
  std::map<const Inode*, PagedBytes> changed;
  for (size_t u = 0; u < units_.size(); ++u) {
    const CrashUnit& unit = units_[u];
    if (unit.kind == CrashUnit::Kind::kName) {
      if (plan[u] != Fate::kNew) continue;
      const NameChange& change = state_.unsynced_names[unit.name_change];
      if (!change.from.empty()) names.erase(change.from);
      names.erase(change.path);
      if (change.inode != nullptr) names[change.path] = change.inode;
      continue;
    }
    const auto [bytes, first] = changed.try_emplace(unit.inode.get(), unit.inode->durable);
    if (unit.kind == CrashUnit::Kind::kSectors) {
      Apply(unit, plan[u], random, &bytes->second);
    } else if (plan[u] == Fate::kNew) {
      bytes->second.Resize(unit.inode->seen.bytes());
    }
  }
  std::map<std::string, PagedBytes> files;
  for (const auto& [path, inode] : names) {
    const auto found = changed.find(inode.get());
    files.emplace_hint(files.end(), path, found == changed.end() ? inode->durable : found->second);
  }
  return FaultEnv::Boot(files, state_.clock_ns);
}

}  // namespace clustor::test
