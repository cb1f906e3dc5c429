package main

import (
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func newTestMembership(t *testing.T, address string, startedAt time.Time) *membership {
	t.Helper()
	s, kept, err := openStore(t.TempDir())
	must(t, err)
	t.Cleanup(s.close)
	return newMembership(s, kept, member{Address: address, StartedAt: startedAt}, "test", newLogger(io.Discard, levelNone))
}

func TestEveryStoreGetsItsOwnIDHoweverOftenAndInWhateverOrderItAsks(t *testing.T) {
	first := newTestMembership(t, "a:1", time.Unix(1, 0))
	must(t, first.initialize())
	given := map[string]int{}
	for range 2000 {
		store := string(rune('A' + rand.IntN(26)))
		id, err := first.allocate(member{StoreID: store, Address: store + ":1"})
		must(t, err)
		if known, again := given[store]; again && known != id {
			t.Fatalf("store %s got %d and %d", store, known, id)
		}
		given[store] = id
	}
	ids := []int{first.view().self.NodeID}
	for _, id := range given {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if len(slices.Compact(slices.Clone(ids))) != len(given)+1 || ids[len(ids)-1] != len(ids) {
		t.Errorf("ids %v", ids)
	}
}

func TestIDsGivenAreKeptWhenTheAllocatorRestarts(t *testing.T) {
	folder := t.TempDir()
	open := func() *membership {
		s, kept, err := openStore(folder)
		must(t, err)
		return newMembership(s, kept, member{Address: "a:1", StartedAt: time.Now()}, "test", newLogger(io.Discard, levelNone))
	}
	before := open()
	must(t, before.initialize())
	two, err := before.allocate(member{StoreID: "two", Address: "b:1"})
	must(t, err)
	before.store.close()
	after := open()
	defer after.store.close()
	three, err := after.allocate(member{StoreID: "three", Address: "c:1"})
	must(t, err)
	again, err := after.allocate(member{StoreID: "two", Address: "b:1"})
	must(t, err)
	if two != 2 || again != 2 || three != 3 || after.view().clusterID != before.view().clusterID {
		t.Errorf("%d %d %d", two, again, three)
	}
}

func TestOnlyTheLowestMemberThatWasNotReplacedGivesIDs(t *testing.T) {
	m := newTestMembership(t, "b:1", time.Unix(1, 0))
	must(t, m.adopt("cluster", 2))
	m.learn(nil, []member{{StoreID: "one", NodeID: 1, ClusterID: "cluster", Address: "a:1", StartedAt: time.Unix(1, 0)}})
	if _, err := m.allocate(member{StoreID: "x", Address: "x:1"}); err == nil || !strings.Contains(err.Error(), "does not give node ids") {
		t.Errorf("gave an id beside n1: %v", err)
	}
	m.learn(nil, []member{{StoreID: "new", Address: "a:1", StartedAt: time.Unix(2, 0)}})
	if id, err := m.allocate(member{StoreID: "new", Address: "a:1", StartedAt: time.Unix(2, 0)}); err != nil || id != 3 {
		t.Errorf("n1 is gone for good, but: %d %v", id, err)
	}
}

func TestNewsInAnyOrderMakeTheSameMembership(t *testing.T) {
	news := []member{
		{StoreID: "one", NodeID: 1, ClusterID: "c", Address: "a:1", StartedAt: time.Unix(1, 0)},
		{StoreID: "one", NodeID: 1, ClusterID: "c", Address: "a:1", StartedAt: time.Unix(5, 0)},
		{StoreID: "two", Address: "b:1", StartedAt: time.Unix(2, 0)},
		{StoreID: "two", NodeID: 2, ClusterID: "c", Address: "b:1", StartedAt: time.Unix(2, 0)},
		{StoreID: "ghost", Address: "d:1", StartedAt: time.Unix(2, 0)},
		{StoreID: "three", NodeID: 3, ClusterID: "c", Address: "d:1", StartedAt: time.Unix(3, 0)},
		{StoreID: "moved", NodeID: 4, ClusterID: "c", Address: "e:1", StartedAt: time.Unix(3, 0)},
		{StoreID: "moved", NodeID: 4, ClusterID: "c", Address: "f:1", StartedAt: time.Unix(4, 0)},
		{StoreID: "foreign", NodeID: 1, ClusterID: "elsewhere", Address: "g:1", StartedAt: time.Unix(3, 0)},
	}
	want := ""
	for range 50 {
		m := newTestMembership(t, "z:1", time.Unix(9, 0))
		m.self.StoreID = "self"
		must(t, m.adopt("c", 9))
		rand.Shuffle(len(news), func(i, j int) { news[i], news[j] = news[j], news[i] })
		for _, one := range news {
			m.learn(nil, []member{one})
		}
		v := m.view()
		if want == "" {
			want = v.digest
		}
		if v.digest != want || len(v.members) != 5 {
			t.Fatalf("after %v: %v", news, v.members)
		}
		if m.learn(nil, news) {
			t.Fatal("the same news were new a second time")
		}
	}
}

func TestANodeThatHasHeardOfAClusterMakesNoSecondOne(t *testing.T) {
	m := newTestMembership(t, "b:1", time.Unix(1, 0))
	m.learn(&member{StoreID: "one", NodeID: 1, ClusterID: "c", Address: "a:1", StartedAt: time.Unix(1, 0)}, nil)
	if err := m.initialize(); err != errInitialized {
		t.Error(err)
	}
}

func TestNoFrameIsReadBeyondTheLimit(t *testing.T) {
	var into reply
	if err := readFrame(strings.NewReader("\xff\xff\xff\xff"), &into); err == nil || !strings.Contains(err.Error(), "exceeds") {
		t.Error(err)
	}
}
