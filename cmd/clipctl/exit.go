package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"clipd/device/api"
)

// The exit codes; the package comment tells what they mean.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitRefused     = 4
	exitNoClip      = 5
	exitDiskFull    = 6
	exitBusy        = 7
)

// usageError says what is wrong with the command line.
type usageError string

func (e usageError) Error() string { return string(e) }

// exitCode is what err means for a script.
func exitCode(err error) int {
	var usage usageError
	var problem *api.Problem
	var transport *url.Error
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitFailed
	case errors.Is(err, errCeiling), diskFull(err):
		return exitDiskFull
	case errors.Is(err, errBrokerRefused), errors.Is(err, errKey), errors.Is(err, errUnknownKey):
		return exitRefused
	case errors.Is(err, errBrokerLost):
		return exitUnreachable
	case errors.Is(err, errTwice):
		return exitBusy
	case errors.As(err, &problem):
		return problemCode(problem.Status)
	case errors.As(err, &transport), errors.Is(err, errCut):
		return exitUnreachable
	}
	return exitFailed
}

func problemCode(status int) int {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitRefused
	case http.StatusNotFound, http.StatusGone:
		return exitNoClip
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return exitUnreachable
	}
	return exitFailed
}
