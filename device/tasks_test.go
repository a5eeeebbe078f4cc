package device

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func TestTasksStopInReverseOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var ended []string
		tasks := newTasks()
		for _, name := range []string{"store", "broker", "http"} {
			tasks.start(name, func(ctx context.Context) error {
				<-ctx.Done()
				ended = append(ended, name)
				return nil
			})
		}
		cancel()
		if err := tasks.wait(ctx); err != nil {
			t.Error(err)
		}
		if want := []string{"http", "broker", "store"}; !slices.Equal(ended, want) {
			t.Errorf("ended in order %v, want %v", ended, want)
		}
	})
}

func TestFirstFailureStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("disk on fire")
		others := false
		tasks := newTasks()
		tasks.start("patient", func(ctx context.Context) error { <-ctx.Done(); others = true; return nil })
		tasks.start("catalogue", func(context.Context) error { return broken })
		err := tasks.wait(t.Context())
		if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "catalogue: ") {
			t.Errorf("got %v", err)
		}
		if !others {
			t.Error("the other task was not stopped")
		}
	})
}

func TestEarlyReturnIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := newTasks()
		tasks.start("watcher", func(context.Context) error { return nil })
		if err := tasks.wait(t.Context()); err == nil || !strings.Contains(err.Error(), "watcher") {
			t.Errorf("got %v", err)
		}
	})
}
