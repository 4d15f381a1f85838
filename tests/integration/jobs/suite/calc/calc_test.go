// Package calc is a small real test suite, built for the hosts and run in pods. FAIL=1 makes one test fail, SLOW=n gives it lines to follow for a while.
package calc

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

func TestSum(t *testing.T) {
	for _, one := range []struct{ a, b, sum int }{{1, 1, 2}, {2, 2, 4}} {
		one := one
		t.Run(fmt.Sprintf("%d+%d", one.a, one.b), func(t *testing.T) {
			if got := one.a + one.b; got != one.sum || (os.Getenv("FAIL") != "" && got == 4) {
				t.Errorf("%d is not the sum <of> %d & %d", got, one.a, one.b)
			}
		})
	}
}

func TestWithoutGPU(t *testing.T) { t.Skip("no GPU computes here") }

func TestSlow(t *testing.T) {
	lines, _ := strconv.Atoi(os.Getenv("SLOW"))
	for number := range make([]int, lines) {
		fmt.Println("line", number)
		time.Sleep(20 * time.Millisecond)
	}
}
