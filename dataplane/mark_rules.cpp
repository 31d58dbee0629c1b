// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/mark_rules.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>

namespace usher {
namespace mark_rules {

namespace {

constexpr std::size_t kBlockRules = kBlockWords * 64;

template <class Key>
constexpr Range<Key> kEverything{std::numeric_limits<Key>::min(), std::numeric_limits<Key>::max()};
template <>
constexpr Range<Wide> kEverything<Wide>{{0, 0}, {~std::uint64_t{0}, ~std::uint64_t{0}}};

template <class Key>
constexpr Range<Key> kNothing{kEverything<Key>.last, kEverything<Key>.first};

std::uint32_t successor(std::uint32_t key) {
    return key + 1;
}
std::uint16_t successor(std::uint16_t key) {
    return static_cast<std::uint16_t>(key + 1);
}
Wide successor(Wide key) {
    return {key.low + 1 == 0 ? key.high + 1 : key.high, key.low + 1};
}

std::uint64_t word_of(const IpAddress& address, int index) {
    std::uint64_t word = 0;
    for (int i = 0; i < 8; ++i)
        word = word << 8 | address.bytes()[std::size_t{8} * static_cast<unsigned>(index) +
                                           static_cast<unsigned>(i)];
    return word;
}

Wide wide(const IpAddress& address) {
    return {word_of(address, 0), word_of(address, 1)};
}

// The low `count` bits of a word, 0 to 64.
std::uint64_t low_bits(int count) {
    return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

Range<std::uint32_t> network(const Prefix& prefix, std::uint32_t) {
    const std::uint32_t first = prefix.address.v4().host();
    return {first, first | static_cast<std::uint32_t>(low_bits(32 - prefix.length))};
}

Range<Wide> network(const Prefix& prefix, Wide) {
    const Wide first = wide(prefix.address);
    const int host_bits = 128 - prefix.length;
    return {first,
            {first.high | low_bits(std::max(0, host_bits - 64)),
             first.low | low_bits(std::min(64, host_bits))}};
}

template <class Address>
Range<Address> range_of(const std::optional<Prefix>& prefix, Family family) {
    if (!prefix) return kEverything<Address>;
    if (prefix->address.family() != family) return kNothing<Address>;
    return network(*prefix, Address{});
}

Range<std::uint16_t> one_or_all(std::optional<std::uint16_t> value) {
    return value ? Range<std::uint16_t>{*value, *value} : kEverything<std::uint16_t>;
}

std::optional<std::uint16_t> number(std::optional<Protocol> protocol) {
    if (!protocol) return std::nullopt;
    return static_cast<std::uint16_t>(*protocol);
}

template <class Address>
constexpr Family kFamily = std::is_same_v<Address, Wide> ? Family::ipv6 : Family::ipv4;

}  // namespace

class BlockStore {
  public:
    explicit BlockStore(std::vector<Block>& blocks) : blocks_(blocks) { keep(Block{}); }

    BlockIndex keep(const Block& block) {
        const auto [found, fresh] = known_.emplace(block, static_cast<BlockIndex>(blocks_.size()));
        if (fresh) blocks_.push_back(block);
        return found->second;
    }

  private:
    std::vector<Block>& blocks_;
    std::map<Block, BlockIndex> known_;
};

// The set of rules at the point that a sweep has reached.
class PresentSet {
  public:
    explicit PresentSet(SetShape shape)
        : shape_(shape), blocks_(shape.blocks), words_(shape.words(), 0) {}

    void toggle(std::size_t rule) {
        const std::size_t block = rule / kBlockRules;
        blocks_[block][rule % kBlockRules / 64] ^= std::uint64_t{1} << rule % 64;
        if (changed_.empty() || changed_.back() != block) changed_.push_back(block);
    }
    // words() are right again afterwards.
    void settle(BlockStore& store) {
        for (const std::size_t block : changed_) {
            const BlockIndex index = store.keep(blocks_[block]);
            const std::uint32_t bit = std::uint32_t{1} << block % 32;
            std::uint32_t& bits = words_[block / 32];
            bits = index != 0 ? bits | bit : bits & ~bit;
            words_[shape_.bit_words() + block] = index;
        }
        changed_.clear();
    }
    const std::vector<std::uint32_t>& words() const { return words_; }

  private:
    SetShape shape_;
    std::vector<Block> blocks_;
    std::vector<std::uint32_t> words_;
    std::vector<std::size_t> changed_;
};

// A sweep over the ends of the ranges, the set of the present interval at hand.
template <class Key>
void Field<Key>::build(const std::vector<Range<Key>>& ranges, SetShape shape, BlockStore& store) {
    struct End {  // the rule's bit changes at `at`
        Key at;
        std::size_t rule;
    };
    std::vector<End> ends;
    for (std::size_t rule = 0; rule < ranges.size(); ++rule) {
        const auto& [first, last] = ranges[rule];
        open_ = open_ && first == kEverything<Key>.first && last == kEverything<Key>.last;
        if (first > last) continue;
        ends.push_back({first, rule});
        if (last != kEverything<Key>.last) ends.push_back({successor(last), rule});
    }
    std::sort(ends.begin(), ends.end(), [](const End& a, const End& b) { return a.at < b.at; });
    shape_ = shape;
    PresentSet present(shape);
    starts_.push_back(kEverything<Key>.first);
    sets_ = present.words();
    for (auto end = ends.begin(); end != ends.end();) {
        const Key at = end->at;
        for (; end != ends.end() && end->at == at; ++end)
            present.toggle(end->rule);
        present.settle(store);
        if (at == starts_.back())  // the first interval of all
            sets_.clear();
        else
            starts_.push_back(at);
        sets_.insert(sets_.end(), present.words().begin(), present.words().end());
    }
}

template <class Key>
const std::uint32_t* Field<Key>::rules_at(Key key) const {
    // As std::upper_bound, but the compiler makes it without jumps that nobody can foretell.
    const Key* at = starts_.data();
    for (std::size_t left = starts_.size(); left > 1;) {
        const std::size_t half = left / 2;
        at = at[half] <= key ? at + half : at;
        left -= half;
    }
    return sets_.data() + static_cast<std::size_t>(at - starts_.data()) * shape_.words();
}

template <class Address>
void Rules<Address>::build(const std::vector<MarkRanges>& rules) {
    std::vector<Range<std::uint16_t>> ports;
    std::vector<Range<std::uint16_t>> protocols;
    std::vector<Range<Address>> sources;
    std::vector<Range<Address>> destinations;
    std::vector<Range<std::uint16_t>> source_ports;
    std::vector<Range<std::uint16_t>> destination_ports;
    for (const MarkRanges& rule : rules) {
        if (rule.family != kFamily<Address>) continue;
        ports.push_back(one_or_all(rule.port));
        protocols.push_back(one_or_all(number(rule.protocol)));
        sources.push_back(range_of<Address>(rule.source, rule.family));
        destinations.push_back(range_of<Address>(rule.destination, rule.family));
        source_ports.push_back({rule.first_source_port, rule.last_source_port});
        destination_ports.push_back({rule.first_destination_port, rule.last_destination_port});
        marks_.push_back(rule.mark);
    }
    shape_.blocks = (marks_.size() + kBlockRules - 1) / kBlockRules;
    BlockStore store(blocks_);
    port_.build(ports, shape_, store);
    protocol_.build(protocols, shape_, store);
    source_.build(sources, shape_, store);
    destination_.build(destinations, shape_, store);
    source_port_.build(source_ports, shape_, store);
    destination_port_.build(destination_ports, shape_, store);
}

template <class Address>
std::uint32_t Rules<Address>::mark_of(PortIndex port, Protocol protocol, Address source,
                                      std::uint16_t source_port, Address destination,
                                      std::uint16_t destination_port) const {
    if (marks_.empty()) return 0;
    std::array<const std::uint32_t*, 6> sets;
    std::size_t fields = 0;
    const auto add = [&](const auto& field, auto key) {
        if (!field.is_open()) sets[fields++] = field.rules_at(key);
    };
    add(destination_, destination);
    add(destination_port_, destination_port);
    add(source_, source);
    add(source_port_, source_port);
    add(protocol_, static_cast<std::uint16_t>(protocol));
    add(port_, port);
    return fields == 0 ? marks_[0] : first_in(sets.data(), fields);
}

// The mark of the first rule that is in all sets.
template <class Address>
std::uint32_t Rules<Address>::first_in(const std::uint32_t* const* sets, std::size_t fields) const {
    const std::size_t bit_words = shape_.bit_words();
    for (std::size_t bit_word = 0; bit_word < bit_words; ++bit_word) {
        std::uint32_t near = sets[0][bit_word];
        for (std::size_t field = 1; field < fields; ++field)
            near &= sets[field][bit_word];
        for (; near != 0; near &= near - 1) {
            const std::size_t block =
                bit_word * 32 + static_cast<std::size_t>(std::countr_zero(near));
            Block common = blocks_[sets[0][bit_words + block]];
            for (std::size_t field = 1; field < fields; ++field) {
                const Block& also = blocks_[sets[field][bit_words + block]];
                for (std::size_t word = 0; word < kBlockWords; ++word)
                    common[word] &= also[word];
            }
            std::uint32_t words = 0;  // which have a bit; found without a jump a word
            for (std::size_t word = 0; word < kBlockWords; ++word)
                words |= std::uint32_t{common[word] != 0} << word;
            if (words == 0) continue;
            const auto word = static_cast<std::size_t>(std::countr_zero(words));
            return marks_[block * kBlockRules + word * 64 +
                          static_cast<std::size_t>(std::countr_zero(common[word]))];
        }
    }
    return 0;
}

template class Rules<std::uint32_t>;
template class Rules<Wide>;

}  // namespace mark_rules

MarkRules::MarkRules(const std::vector<MarkRanges>& rules) : empty_(rules.empty()) {
    v4_.build(rules);
    v6_.build(rules);
}

std::uint32_t MarkRules::mark_of(PortIndex port, Protocol protocol, const IpAddress& source,
                                 Be16 source_port, const IpAddress& destination,
                                 Be16 destination_port) const {
    if (source.is_ipv4())
        return mark_of(port, protocol, source.v4(), source_port, destination.v4(),
                       destination_port);
    return v6_.mark_of(port, protocol, mark_rules::wide(source), source_port.host(),
                       mark_rules::wide(destination), destination_port.host());
}

}  // namespace usher
