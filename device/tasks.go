package device

import (
	"context"
	"fmt"
	"slices"
)

// tasks run side by side. The first that fails, or ends before it was told to, stops all; they stop one after the
// other, the last started first, so that each still has what it was built on.
type tasks struct {
	running []*task
	failed  chan error // the first failure
}

type task struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func newTasks() *tasks { return &tasks{failed: make(chan error, 1)} }

// start runs one task until stop; a task that was cancelled returns nil. name stands in the error.
func (t *tasks) start(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	one := &task{cancel: cancel, done: make(chan struct{})}
	t.running = append(t.running, one)
	go func() {
		defer close(one.done)
		err := run(ctx)
		switch {
		case err != nil:
			t.fail(fmt.Errorf("%s: %w", name, err))
		case ctx.Err() == nil:
			t.fail(fmt.Errorf("%s ended by itself", name))
		}
	}()
}

func (t *tasks) fail(err error) {
	select {
	case t.failed <- err:
	default: // what failed later failed because of the first
	}
}

// wait blocks until ctx is done or a task has failed, stops all tasks and returns the failure, nil if there was none.
func (t *tasks) wait(ctx context.Context) error { return t.stop(t.end(ctx)) }

// end blocks until ctx is done or a task has failed, and returns the failure.
func (t *tasks) end(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-t.failed:
		return err
	}
}

// stop stops all tasks. It returns err, or what failed meanwhile.
func (t *tasks) stop(err error) error {
	for _, one := range slices.Backward(t.running) {
		one.cancel()
		<-one.done
	}
	if err == nil {
		select {
		case err = <-t.failed:
		default:
		}
	}
	return err
}
