package main

import (
	"context"
	"fmt"
	"regexp"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/spf13/cobra"
)

var boxID = regexp.MustCompile(`^[0-9a-f]{12}$`)

func forgetCommand(o *options) *cobra.Command {
	var f brokerFlags
	var yes bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "forget BOX --broker URL",
		Short: "Clear what a box that is gone for good left at the broker, so that Home Assistant forgets it too; asks first",
		Long: `BOX is the box id: 12 digits, as clipctl discover --broker shows it. Everything retained beneath its topics and its
Home Assistant device are cleared. Nothing on the box itself changes; one that is online is refused.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.url == "" || !boxID.MatchString(args[0]) {
				return usageError("say the broker and the box id: clipctl forget 0123456789ab --broker tcp://192.168.1.5:1883")
			}
			ask := func(n int) error {
				return confirm(cmd, yes, fmt.Sprintf("Clear %d retained topics of box %s?", n, args[0]))
			}
			n, err := f.forget(cmd.Context(), args[0], wait, ask)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d topics of %s cleared\n", n, args[0])
			return err
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().DurationVar(&wait, "wait", time.Second, "the broker has told everything when it was quiet for so long")
	return cmd
}

// forget clears the retained topics of a box and returns how many there were.
func (f *brokerFlags) forget(ctx context.Context, box string, wait time.Duration, ask func(n int) error) (int, error) {
	s, err := f.connect(ctx, "", false, f.prefix+"/"+box+"/#", "homeassistant/device/clipd_"+box+"/config")
	if err != nil {
		return 0, err
	}
	defer s.end()
	var topics []string
	online := false
	err = s.retained(ctx, wait, func(m mqtt.Message) {
		topics = append(topics, m.Topic())
		online = online || m.Topic() == f.prefix+"/"+box+"/availability" && string(m.Payload()) == "online"
	})
	if err != nil {
		return 0, err
	}
	if online {
		return 0, fmt.Errorf("box %s is online and would say everything again; stop clipd there first", box)
	}
	if len(topics) == 0 {
		return 0, fmt.Errorf("the broker keeps nothing of box %s", box)
	}
	if err := ask(len(topics)); err != nil {
		return 0, err
	}
	for _, t := range topics {
		if err := await(ctx, s.client.Publish(t, 1, true, "")); err != nil { // MQTT 3.1.1 [MQTT-3.3.1-10]
			return 0, fmt.Errorf("clearing %s: %w", t, err)
		}
	}
	return len(topics), nil
}
